"""Descriptions of all instruments of the gateway. The page docs/metrics.md is generated from them."""
