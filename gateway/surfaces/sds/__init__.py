"""Envoy's Secret Discovery Service (SDS): delivers certificates with private keys, and trust bundles, to Envoy."""
