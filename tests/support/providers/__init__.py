"""Helpers of the unit tests of the adapters: providers on a scripted upstream, and sample messages."""
