"""Watched certificates: their versions in every worker, and subscriptions to their changes."""
