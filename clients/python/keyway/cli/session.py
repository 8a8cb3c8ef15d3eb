"""Session of one command: the general options, and the client.

Options override environment variables (click reads both), and both override the context of the configuration file. The
default is plaintext for a loopback address without TLS options, otherwise TLS. If the address is not the address of the
default context, that context is ignored, so that its credentials are not sent to another gateway.

Most modules are loaded when they are first used, and modules that need gRPC with the first call, so that commands
without calls start quickly.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from keyway import pages
from keyway.targets import is_loopback

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from keyway.cli.output import Output
    from keyway.client import Client
    from keyway.errors import FinishedCall
    from keyway.v1.certificate_service_pb2 import ListCertificatesRequest
    from keyway.v1.provider_pb2 import Provider

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
_OF_TLS: Final = ("ca", "certificate", "private_key", "server_name", "token_file", "token")
_LARGEST_PAGE: Final = 1000


class Session:
    """given: the general options that are set, by name. gateway: the address and the transport, for messages.

    context: the name of the context in use; empty without one. Both are set by `connection`.
    method: the name of the last called method, such as `Encrypt`, for messages.
    """

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.gateway = ""
        self.context = ""
        self.method = ""

    @property
    def json(self) -> bool:
        """Whether to print JSON."""
        return bool(self.given.get("json"))

    @property
    def verbose(self) -> bool:
        """Whether to print more details."""
        return bool(self.given.get("verbose"))

    @cached_property
    def output(self) -> "Output":
        """The output streams."""
        from keyway.cli.output import Output  # noqa: PLC0415

        return Output()

    @cached_property
    def client(self) -> "Client":
        """The client. It connects with the first call."""
        return self.connect()

    def connect(self, **options: Any) -> "Client":
        """Return a new client. options: further arguments of `keyway.connect`."""
        from keyway.client import connect  # noqa: PLC0415

        try:
            return connect(**self.connection(), **options)
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    def close(self) -> None:
        """Close the connection, if there is one."""
        if "client" in self.__dict__:
            self.client.close()

    def call(self, method: Any, request: "Message") -> Any:
        """Call a method; return the response."""
        self.method = type(request).__name__.removesuffix("Request")
        began = time.monotonic()
        response, call = method.with_call(request)
        self.note_call(request, call, began)
        return response

    def note_call(self, request: "Message", call: "FinishedCall", began: float) -> None:
        """Print a finished call if the output is verbose. began: in seconds, of the monotonic clock."""
        from keyway import errors  # noqa: PLC0415

        if self.verbose:
            ids = (("request", errors.request_id(call)), ("receipt", errors.receipt(call)))
            text = ", ".join(f"{name} {value}" for name, value in ids if value)
            self.output.note(f"{type(request).__name__}: {text}, {(time.monotonic() - began) * 1000:.0f} ms", "dim")

    def pages(self, method: Any, request: "ListCertificatesRequest") -> Iterator[Any]:
        """Yield the pages of a list method."""
        request.page_size = _LARGEST_PAGE
        return pages.iterate_pages(self._calling(method), request)

    def providers(self) -> "list[Provider]":
        """Return all providers."""
        from keyway import lists  # noqa: PLC0415
        from keyway.v1.provider_service_pb2 import ListProvidersRequest  # noqa: PLC0415

        request = ListProvidersRequest(page_size=_LARGEST_PAGE)
        return list(lists.iterate(self._calling(self.client.providers.ListProviders), request))

    def _calling(self, method: Any) -> Callable[[Any], Any]:
        return lambda request: self.call(method, request)

    def _elsewhere(self, context: Mapping[str, Any]) -> bool:
        """Return whether an option or variable sets a different address than the context."""
        address = self.given.get("address")
        return bool(address) and address != context.get("address", DEFAULT_ADDRESS)

    def connection(self) -> dict[str, Any]:
        """Return the arguments of `keyway.connect` and `keyway.aio.connect`."""
        from keyway.cli import configuration  # noqa: PLC0415

        self.context, context = configuration.context(self.given.get("config"), self.given.get("context"))
        if not self.given.get("context") and self._elsewhere(context):
            self.context, context = "", {}
        settings = {**context, **self.given}
        address = settings.get("address") or DEFAULT_ADDRESS
        encrypted = settings.get("tls")
        if encrypted is None:
            encrypted = not is_loopback(address) or any(settings.get(option) for option in _OF_TLS)
        made: dict[str, Any] = {"address": address}
        if settings.get("timeout"):
            made["deadline"] = settings["timeout"]
        if not encrypted:
            made |= {"plaintext": True, "allow_remote_plaintext": settings.get("tls") is False}
        self.gateway = f"{address} ({'TLS' if encrypted else 'plaintext'})"
        made |= {option: settings[option] for option in _OF_TLS[:4] if settings.get(option)}
        if settings.get("token_file"):
            made["token"] = _token_of(Path(settings["token_file"]))
        elif settings.get("token"):
            made["token"] = settings["token"]
        return made


def _token_of(path: Path) -> Callable[[], str]:
    """Return a function that reads the token file for each call, because another program may renew the token."""
    # A missing or empty file is a local error, not an error of the call.
    if not path.read_bytes().strip():
        raise click.ClickException(f"{path}: the file contains no token")
    return lambda: path.read_text(encoding="utf-8-sig", errors="replace").strip()
