"""A simulation of many gateways in front of one upstream that slows down, fails, and returns: `make fleet`."""
