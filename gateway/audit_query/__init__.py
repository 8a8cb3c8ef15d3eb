"""Audit queries, answered from an index of the journal or from a central store. Does not depend on gRPC."""
