"""The state of the providers over all workers: circuit breakers, recent requests, and results of health checks."""
