"""Interceptors: one module per step that a call passes before it reaches its service."""
