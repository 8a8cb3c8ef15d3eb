"""`keyway console`: a read-only web page about a gateway, which only this machine can open. Needs the extra `console`.

The page calls the gateway with the identity of the operator, so policy and audit apply.
"""
