"""The HTTP/1.1 client transport: an asyncio protocol over llhttp with its own connection pool (decision 12)."""
