"""Facts about the contract, read from its descriptors: methods, resource names, access classes, and field facts."""
