"""Shipping of the journal to an OpenTelemetry Collector, by a process of its own that slows no call.

    process ▸ supervisor  starts `python -m gateway.journal.ship`, and again when it dies
    shipper ▸ chain       one chain each: read, send, remember
      journal             what comes next in the chain, proven and durable
      otlp                records as OTLP log records
      connection          one connection to the collector, and what its answers mean
      line ▸ safety       which acknowledged records a collector can no longer lose
      bookmark ▸ cursor   that position, kept over restarts

At least once, in order per chain: a record may come twice, with the same chain and sequence; none is left out.
Only `connection` knows gRPC. `backlog` is for the gateway's own process, which imports neither gRPC nor OTLP for it.
"""
