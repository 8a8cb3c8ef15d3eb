"""Authorization: policies in Cedar, and the rate limits of callers. Depends on the contract, but not on gRPC
and providers.
"""
