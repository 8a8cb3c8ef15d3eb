"""The provider interface, the API client, status tables, and vendor-neutral helpers."""
