"""Audit records for people and programs: queries, formats, reports, and pseudonyms.

The commands `keyway audit` and `keyway-gateway audit` use this package. It needs no optional package of the client.
"""
