"""The poller: lists the certificates of each provider regularly, for the expiry metrics."""
