"""Callers' side of Keyway. Holds the stubs, in keyway.v1, and nothing else yet."""
