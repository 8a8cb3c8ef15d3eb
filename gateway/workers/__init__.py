"""Several gateways on one port: processes of their own, with one that starts them, watches them and replaces them."""
