"""Worker processes: several gateways on one port, and the supervisor that starts, monitors and replaces them."""
