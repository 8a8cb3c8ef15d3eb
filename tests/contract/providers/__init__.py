"""The configurations of each provider type for the contract suite."""
