"""Diagnosis of a connection, step by step, for `keyway doctor`."""
