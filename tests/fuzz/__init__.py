"""Fuzz tests: damaged files, responses, metadata, and frames cause only the documented errors."""
