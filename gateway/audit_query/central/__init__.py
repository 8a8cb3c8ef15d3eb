"""Audit queries that are answered from the central store, which has the records of all gateways: VictoriaLogs."""
