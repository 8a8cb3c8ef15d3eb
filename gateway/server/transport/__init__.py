"""The listening side of the server: addresses, TLS, ports, and methods that the contract does not have."""
