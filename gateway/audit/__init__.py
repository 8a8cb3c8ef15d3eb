"""The audit journal: what is recorded, how it is kept, verified and shipped. Knows no gRPC."""
