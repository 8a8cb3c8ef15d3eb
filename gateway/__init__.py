"""Keyway: one gRPC contract in front of several certificate and key services."""
