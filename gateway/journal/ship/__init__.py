"""Shipping of the journal to an OpenTelemetry Collector, in a separate process, so that it does not slow calls.

    process ▸ shipper           starts `python -m gateway.journal.ship`, and restarts it when it dies
    shipper ▸ chain             one task for each chain: read, send, store the cursor
      reader                    the next records of the chain, verified and durable
      otlp                      records as OTLP log records
      connection                one connection to the collector
      export_results            what the collector's responses mean
      sender ▸ ack_window       which acknowledged records a collector can no longer lose
      cursor_store ▸ cursor     that position, kept over restarts

Delivery is at least once, and in order for each chain: a record can arrive twice, with the same chain and sequence;
none is left out. Only `connection` uses gRPC. `lag` is for metrics of the gateway process, and imports neither gRPC nor
OTLP.
"""
