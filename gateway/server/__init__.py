"""Everything that knows gRPC: the contract's methods, the pipeline around them, statuses, and the server itself."""
