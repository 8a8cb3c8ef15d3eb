"""The HTTP client for upstreams: one per provider, with deadlines, retries, circuit breaker, queue, and TLS."""
