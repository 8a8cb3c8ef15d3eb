"""Policy: who may do what, in Cedar; and the limits of callers. Knows the contract, but no gRPC and no provider."""
