"""The cost of lists and lookups by the number of certificates."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import grpc

from keyway.v1 import certificate_service_pb2 as certificates
from tests.bench import gateway_settings
from tests.bench.competitors import GET_CERTIFICATE
from tests.bench.gateway_settings import BARE
from tests.bench.growth.curve import Costed, Experiment
from tests.bench.growth.served import cost_of, gateway
from tests.bench.material import CERTIFICATES
from tests.bench.paged_upstream import PagedUpstream
from tests.bench.probe import WrongAnswerError, channel
from tests.bench.run import surroundings

_LIST: Final = "/keyway.v1.CertificateService/ListCertificates"
_PARENT: Final = f"providers/{CERTIFICATES}"
_PAGE_SIZE: Final = 1000
_SMALL_PAGE: Final = 50


@contextmanager
def _certificates(folder: Path, seconds: float) -> Iterator[Callable[[int], Costed]]:
    with ExitStack() as stack:
        around = stack.enter_context(surroundings(folder))

        def measure(size: int) -> Costed:
            with (
                PagedUpstream(size, delay=0) as upstream,
                gateway(
                    around, folder / str(size), BARE, _LIST, others=[gateway_settings.certificates(upstream.url)]
                ) as (server, target),
                channel(target) as connection,
            ):
                client = _Client(connection)
                return {
                    "ListCertificates, all pages of 1,000": cost_of(server, lambda: client.list_all(size), seconds),
                    "ListCertificates, first page of 50": cost_of(server, client.first_page, seconds),
                    "GetCertificate of the last one": cost_of(server, lambda: client.get(size - 1), seconds),
                }

        yield measure


class _Client:
    def __init__(self, connection: grpc.Channel) -> None:
        self._list: Any = connection.unary_unary(
            _LIST, response_deserializer=certificates.ListCertificatesResponse.FromString
        )
        self._get: Any = connection.unary_unary(GET_CERTIFICATE)

    def list_all(self, expected: int) -> None:
        found, token = 0, ""
        while found == 0 or token:
            page = self._page(_PAGE_SIZE, token)
            found, token = found + len(page.certificates), page.next_page_token
        if found != expected:
            raise WrongAnswerError(f"the list has {found} of {expected} certificates")

    def first_page(self) -> None:
        self._page(_SMALL_PAGE)

    def get(self, number: int) -> None:
        name = f"{_PARENT}/certificates/c{number}.example.com"
        self._get(certificates.GetCertificateRequest(name=name).SerializeToString())

    def _page(self, size: int, token: str = "") -> Any:
        request = certificates.ListCertificatesRequest(parent=_PARENT, page_size=size, page_token=token)
        return self._list(request.SerializeToString())


CERTIFICATE_LISTS: Final = Experiment(
    name="certificates",
    title="Certificates of a Certificate Manager",
    axis="certificates",
    unit="CPU µs",
    lines={
        "ListCertificates, all pages of 1,000": 1,
        "ListCertificates, first page of 50": 0,
        "GetCertificate of the last one": 1,
    },
    sizes=(10, 100, 1_000, 10_000, 100_000),
    few=(10, 20),
    setup=_certificates,
)
