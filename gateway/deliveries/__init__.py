"""Deliveries: which node holds which version of a secret."""
