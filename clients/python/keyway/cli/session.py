"""One run: what was asked of it in general, and the client that its command calls the gateway with.

Responsible for the connection: options before variables (click reads both), those before the configuration's context,
and plaintext by itself where nothing leaves this machine and no option speaks of TLS. What a context that nobody named
has belongs to its own gateway: no other one is shown its credentials.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from google.protobuf.message import Message

from keyway import errors, pages
from keyway.cli import configuration
from keyway.cli.output import Output
from keyway.client import Client, connect
from keyway.connection import DEFAULT_DEADLINE
from keyway.targets import is_loopback
from keyway.v1.certificate_service_pb2 import ListCertificatesRequest
from keyway.v1.provider_pb2 import Provider
from keyway.v1.provider_service_pb2 import ListProvidersRequest

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
_OF_TLS: Final = ("ca", "certificate", "private_key", "server_name", "token_file", "token")
ResponseT = TypeVar("ResponseT", bound=Message)
_LARGEST_PAGE: Final = 1000


class Session:
    """given: the general options that were said, by their names. gateway: which one is called, and how."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.gateway = ""

    @property
    def json(self) -> bool:
        """For a program."""
        return bool(self.given.get("json"))

    @property
    def verbose(self) -> bool:
        """Tell more."""
        return bool(self.given.get("verbose"))

    @cached_property
    def output(self) -> Output:
        """Where the answer goes."""
        return Output()

    @cached_property
    def client(self) -> Client:
        """Connects with the first call."""
        try:
            return connect(**self._connection())
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    def close(self) -> None:
        """End the connection, if there is one."""
        if "client" in self.__dict__:
            self.client.close()

    def call(self, method: Any, request: Message) -> Any:
        """The response to one call."""
        began = time.monotonic()
        response, call = method.with_call(request)
        if self.verbose:
            told = (("request", errors.request_id(call)), ("receipt", errors.receipt(call)))
            said = ", ".join(f"{name} {value}" for name, value in told if value)
            self.output.note(f"{type(request).__name__}: {said}, {(time.monotonic() - began) * 1000:.0f} ms", "dim")
        return response

    def pages(self, method: Any, request: ListCertificatesRequest) -> Iterator[Any]:
        """Every page of a list."""
        request.page_size = _LARGEST_PAGE
        return pages.iterate_pages(self._calling(method), request)

    def providers(self) -> list[Provider]:
        """All that there are."""
        request = ListProvidersRequest(page_size=_LARGEST_PAGE)
        return list(pages.iterate(self._calling(self.client.providers.ListProviders), request))

    def _calling(self, method: Any) -> Callable[[Any], Any]:
        return lambda request: self.call(method, request)

    def _elsewhere(self, context: Mapping[str, Any]) -> bool:
        """Whether an address was said that is not the context's."""
        address = self.given.get("address")
        return bool(address) and address != context.get("address", DEFAULT_ADDRESS)

    def _connection(self) -> dict[str, Any]:
        """What `keyway.connect` is told."""
        context = configuration.context(self.given.get("config"), self.given.get("context"))
        if not self.given.get("context") and self._elsewhere(context):
            context = {}
        told = {**context, **self.given}
        address = told.get("address") or DEFAULT_ADDRESS
        encrypted = told.get("tls")
        if encrypted is None:
            encrypted = not is_loopback(address) or any(told.get(option) for option in _OF_TLS)
        made: dict[str, Any] = {"address": address, "deadline": told.get("timeout") or DEFAULT_DEADLINE}
        if not encrypted:
            made |= {"plaintext": True, "allow_remote_plaintext": told.get("tls") is False}
        self.gateway = f"{address} ({'TLS' if encrypted else 'plaintext'})"
        made |= {option: told[option] for option in _OF_TLS[:4] if told.get(option)}
        if told.get("token_file"):
            made["token"] = _token_of(Path(told["token_file"]))
        elif told.get("token"):
            made["token"] = told["token"]
        return made


def _token_of(path: Path) -> Callable[[], str]:
    """Read at each call: whoever issues tokens replaces them."""
    path.read_bytes()  # one that isn't there is a local failure, not a call's
    return lambda: path.read_text(errors="replace").strip()
