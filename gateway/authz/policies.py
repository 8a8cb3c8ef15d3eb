"""A loaded set of policies and its decisions. The set is immutable: after a change, the engine replaces it.

No wildcard covers reading private material: for these actions, only permits that name one of them in their scope count.
Forbids always count.

Cedar compares texts character by character, but an upstream can treat several Unicode spellings as the same name.
Unless every text is in NFC, a call is therefore evaluated twice: as written, and with the texts of policies, groups,
caller, and resource in NFC. It is denied if either evaluation denies it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import cedarpy

from gateway.authz import groups, sources
from gateway.authz.built_in import BUILT_IN
from gateway.authz.decision import Decision
from gateway.authz.evaluation import Evaluator
from gateway.authz.groups import Groups
from gateway.authz.normalization import is_normalized, normalized, normalized_groups
from gateway.authz.settings import PolicySettings
from gateway.authz.sources import Policy
from gateway.config.problems import FileError, Place
from gateway.contract.spelling import is_nfc
from gateway.identity.caller import Caller


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of all files, with the groups that they refer to. The evaluators also have the built-in policies.

    as_written: evaluates calls with all texts as they are. in_nfc: evaluates calls with all texts in NFC.
    written_in_nfc: whether the texts of all policies and groups are in NFC.
    """

    policies: tuple[Policy, ...]
    groups: Groups
    as_written: Evaluator = field(repr=False)
    in_nfc: Evaluator = field(repr=False)
    written_in_nfc: bool

    def decide(self, caller: Caller, action: str, resource: str, resource_type: str) -> Decision:
        """Return the decision about one call. `PolicyEngine.decide` describes the arguments."""
        allowed, reasons = self.as_written.evaluate(caller, action, resource, resource_type)
        if allowed and not (self.written_in_nfc and is_nfc(resource) and is_normalized(caller)):
            in_nfc, forbidding = self.in_nfc.evaluate(caller, action, resource, resource_type)
            if not in_nfc:
                return Decision(action, resource_type, resource, False, forbidding)
        return Decision(action, resource_type, resource, allowed, reasons)


def load(settings: PolicySettings) -> Policies:
    """Return the policies in the files of the settings. Raise FileError with every error in them."""
    problems: dict[Place, list[str]] = {}
    policies = sources.read(settings.policy_files, problems)
    known = groups.read(settings.entities_file, problems.setdefault(("entities_file",), []))
    lines = [f"policy: {text}" for texts in problems.values() for text in texts]
    if lines:
        raise FileError("\n".join(lines), problems)
    return _policies(policies, known)


def _policies(policies: tuple[Policy, ...], known: Groups) -> Policies:
    every = (*BUILT_IN, *policies)
    as_written = Evaluator(known, _policy_set(every), _policy_set(_counting_for_private(every)))
    in_nfc = tuple(replace(policy, tree=normalized(policy.tree)) for policy in every)
    known_in_nfc = normalized_groups(known)
    if (in_nfc, known_in_nfc) == (every, known):
        return Policies(policies, known, as_written, replace(as_written, in_nfc=True), written_in_nfc=True)
    for_all, for_private = _policy_set(in_nfc), _policy_set(_counting_for_private(in_nfc))
    second = Evaluator(known_in_nfc, for_all, for_private, in_nfc=True)
    return Policies(policies, known, as_written, second, written_in_nfc=False)


def _counting_for_private(policies: Iterable[Policy]) -> Iterator[Policy]:
    return (policy for policy in policies if policy.names_private or not policy.permits)


def _policy_set(policies: Iterable[Policy]) -> cedarpy.PolicySet:
    """Return a Cedar policy set in which each policy has its name."""
    trees = {policy.name: policy.tree for policy in policies}
    text = json.dumps({"staticPolicies": trees, "templates": {}, "templateLinks": []})
    # This step is slow for many policies. Without the GIL, calls continue meanwhile.
    return cedarpy.PolicySet.from_json_str(text, release_gil=True)
