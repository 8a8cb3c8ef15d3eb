"""The upstreams behind the contract: capabilities, the catalogue of types, and one package an upstream."""
