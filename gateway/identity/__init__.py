"""Caller identity: names from client certificates, and JSON Web Tokens. Does not depend on gRPC."""
