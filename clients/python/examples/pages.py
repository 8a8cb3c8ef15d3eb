"""All certificates of all providers, page by page; and the same from asyncio."""

import asyncio

import keyway
from keyway.v1 import certificate_service_pb2 as certificates

REQUEST = certificates.ListCertificatesRequest(parent="providers/-", page_size=5)

with keyway.connect("127.0.0.1:50051", plaintext=True) as client:
    for certificate in keyway.iterate(client.certificates.ListCertificates, REQUEST):
        print(certificate.name)


async def main() -> None:
    """As above."""
    async with keyway.aio.connect("127.0.0.1:50051", plaintext=True) as client:
        pages = keyway.aio.iterate_pages(client.certificates.ListCertificates, REQUEST)
        print([len(page.certificates) async for page in pages])


asyncio.run(main())
