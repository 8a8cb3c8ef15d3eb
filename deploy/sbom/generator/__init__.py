"""Generator of the software bills of materials and of the NOTICE files. `make generate` runs it."""
