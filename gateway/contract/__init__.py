"""Facts about the contract, read from its descriptors: methods, resource names, and field limits."""
