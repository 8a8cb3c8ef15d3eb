"""The poller: lists the certificates of each provider regularly, for the metrics of their expiry."""
