"""OpenTelemetry: traces, trace context propagation, metrics, and log export. Does not depend on the gRPC server.

`setup.py` starts and stops what `settings.py` configures. Signals that are not configured create no objects of the SDK;
the rest of the gateway gets None instead.
"""
