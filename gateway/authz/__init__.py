"""Authorization: policies in Cedar, and the rate limits of callers. It knows the contract, but no gRPC and no
provider.
"""
