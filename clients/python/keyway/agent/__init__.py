"""The renewal agent: keeps certificate files on this machine equal to the certificates that a gateway delivers.

`keyway agent` runs it. It requires the extra `agent` of the package.
"""
