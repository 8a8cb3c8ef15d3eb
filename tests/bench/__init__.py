"""The benchmark: what a call costs, of the gateway and of what else could stand in its place. `make bench` runs it."""
