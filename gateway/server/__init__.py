"""The gRPC server: interceptors, services, transport, and the conversion of errors to statuses."""
