"""Adapters: one package per upstream, the code that they share, the response cache, and the catalog."""
