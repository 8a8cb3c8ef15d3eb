"""Fuzz tests: damaged files and responses cause only the documented errors."""
