"""Audit records of calls: their content, text output, and queries. Does not depend on gRPC."""
