"""`keyway console`: a read-only web page about a gateway, served only to this machine. Needs the extra `console`.

The server calls the gateway with the identity of the operator, so policy and audit apply.
"""
