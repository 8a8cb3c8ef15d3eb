"""Offline verification of a journal directory."""
