"""The benchmark: the cost of a call through the gateway and through alternatives. `make bench` runs it."""
