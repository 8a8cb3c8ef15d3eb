"""The renewal agent: keeps the certificate files of this machine equal to the certificates at the provider.

`keyway agent` runs it. It requires the extra `agent` of the package.
"""
