"""Tolerant reader for X.509 certificates: each field is read separately, so that one malformed field hides no other.

`cryptography` rejects a whole certificate for one unusual attribute of a name, and all extensions for one of them.
Other TLS libraries accept such certificates, so files, callers, and providers have them. This package checks no
signatures and no policies: TLS libraries do that.
"""
