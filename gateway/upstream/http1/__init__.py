"""A lean HTTP/1.1 client transport (decision 0012)."""
