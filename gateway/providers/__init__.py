"""The upstreams behind the contract: capabilities, the catalog of types, and one package an upstream."""
