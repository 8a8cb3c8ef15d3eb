"""`keyway console`, over HTTP and in a browser."""
