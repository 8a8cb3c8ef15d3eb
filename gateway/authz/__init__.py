"""Policy: who may do what, decided by Cedar. Knows no gRPC."""
