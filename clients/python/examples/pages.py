"""All certificates of all providers, item by item; and page by page with asyncio."""

import asyncio

import keyway

with keyway.connect("127.0.0.1:50051", plaintext=True) as client:
    for certificate in keyway.iterate(client.certificates.list_certificates, parent="providers/-", page_size=5):
        print(certificate.name)


async def main() -> None:
    """Print the number of certificates on each page."""
    async with keyway.aio.connect("127.0.0.1:50051", plaintext=True) as client:
        pages = keyway.aio.iterate_pages(client.certificates.list_certificates, parent="providers/-", page_size=5)
        print([len(page.certificates) async for page in pages])


asyncio.run(main())
