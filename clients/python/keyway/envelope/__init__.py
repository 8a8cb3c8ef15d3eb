"""Envelope encryption."""
