"""Audit queries, and verification, of the central store (VictoriaLogs), which has the records of all gateways."""
