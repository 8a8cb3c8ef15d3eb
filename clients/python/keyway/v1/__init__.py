"""The stubs of package keyway.v1: generated from protos/ by clients/generate.py, never edited."""
