"""The network side of the server: listener, TLS, port reservation, health, draining, and unknown methods."""
