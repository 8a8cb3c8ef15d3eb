"""Surfaces: third-party interfaces over the same pipeline.

A surface is a client of the gateway in its own process, except for kms, which is a program of its own. Every secret
leaves the gateway through a call that is authenticated, authorized, limited, and audited like a call over the network.
A surface never imports a provider.
"""
