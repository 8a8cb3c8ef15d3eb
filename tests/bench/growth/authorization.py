"""The cost of policy decisions by the number of policies, and of calls by the number of callers."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from gateway.authz.engine import PolicyEngine
from gateway.authz.settings import PolicySettings
from gateway.identity.caller import Caller
from tests.bench.competitors import ENCRYPT
from tests.bench.gateway_settings import EVERYTHING
from tests.bench.growth.cpu import measure
from tests.bench.growth.curve import Costed, Experiment
from tests.bench.growth.served import cost_of, gateway
from tests.bench.material import Material
from tests.bench.probe import channel
from tests.bench.run import surroundings
from tests.support.authority import AUDIENCE, ISSUER, TokenIssuer
from tests.support.policies import ALICE, ask, group, member, settings

_ONE_OF_MANY: Final = (
    '@id("p{number}") permit(principal == Keyway::Caller::"spiffe://example.org/caller-{number}", '
    'action == Keyway::Action::"Encrypt", resource == Keyway::Key::"providers/p/keys/k{number}");\n'
)
_GROUP: Final = (
    '@id("orders") permit(principal in Keyway::Group::"orders", action == Keyway::Action::"Encrypt", resource);\n'
)
_TOKEN_SECONDS: Final = 24 * 3600


@contextmanager
def _policies(folder: Path, seconds: float) -> Iterator[Callable[[int], Costed]]:
    def measured(size: int) -> Costed:
        (place := folder / str(size)).mkdir()
        files = settings(place, "".join(_ONE_OF_MANY.format(number=number) for number in range(size)))
        engine = PolicyEngine.load(files)
        names = (f"providers/p/keys/n{number}" for number in itertools.count())
        return {
            "new decision": measure(lambda: ask(engine, ALICE, "Encrypt", next(names)), seconds),
            "cached decision": measure(lambda: ask(engine, ALICE, "Encrypt"), seconds),
            "load of the files": measure(lambda: PolicyEngine.load(files), seconds),
        }

    yield measured


@contextmanager
def _callers(folder: Path, seconds: float) -> Iterator[Callable[[int], Costed]]:
    with ExitStack() as stack:
        around = stack.enter_context(surroundings(folder))
        issue = _issuer(around.material)

        def measured(size: int) -> Costed:
            (place := folder / f"policy-{size}").mkdir()
            files = _members(place, size)
            engine = PolicyEngine.load(files)
            everybody = itertools.cycle(Caller(f"sub:caller-{number}", "jwt") for number in range(size))
            names = (f"providers/p/keys/n{number}" for number in itertools.count())

            def in_group(given: dict[str, Any]) -> None:
                given["policy"] = {
                    "policy_files": [str(files.policy_files[0])],
                    "entities_file": str(files.entities_file),
                }

            with (
                gateway(around, folder / str(size), EVERYTHING, ENCRYPT, change=in_group) as (server, target),
                channel(target) as connection,
            ):
                encrypt: Any = connection.unary_unary(ENCRYPT)
                turns = itertools.cycle([issue(number) for number in range(size)])

                def call() -> None:
                    metadata = (("authorization", f"Bearer {next(turns)}"),)
                    encrypt(around.material.encrypt_request, metadata=metadata)

                for _ in range(size):
                    call()  # so that every caller is known
                one_call = cost_of(server, call, 4 * seconds)
            return {
                "call with everything on, callers in turn": one_call,
                "new decision": measure(lambda: ask(engine, next(everybody), "Encrypt", next(names)), seconds),
                "load of the policy and the group": measure(lambda: PolicyEngine.load(files), seconds),
            }

        yield measured


def _issuer(material: Material) -> Callable[[int], str]:
    """Return a function that issues a token for a caller. The keys of the issuer replace those of the material."""
    issuer, now = TokenIssuer(), int(time.time())
    material.jwks_file.write_bytes(issuer.jwks())
    common = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + _TOKEN_SECONDS}
    return lambda number: issuer.token({**common, "sub": f"caller-{number}"})


def _members(folder: Path, size: int) -> PolicySettings:
    """A policy that permits a group with this many callers to encrypt."""
    members = [member(f"sub:caller-{number}", "orders") for number in range(size)]
    return settings(folder, _GROUP, entities=json.dumps([group("orders"), *members]))


POLICIES: Final = Experiment(
    name="policies",
    title="Policies",
    axis="policies",
    unit="CPU µs",
    lines={"new decision": 1, "cached decision": 0, "load of the files": 1},
    sizes=(1, 3, 10, 30, 100, 300, 1000),
    few=(1, 3),
    setup=_policies,
)
CALLERS: Final = Experiment(
    name="callers",
    title="Callers, with a policy for a group of them",
    axis="callers",
    unit="CPU µs",
    lines={
        "call with everything on, callers in turn": 0,
        "new decision": 0,
        "load of the policy and the group": 1,
    },
    sizes=(1, 10, 100, 1_000, 10_000),
    few=(1, 2),
    setup=_callers,
)
