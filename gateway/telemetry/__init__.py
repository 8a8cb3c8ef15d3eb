"""OpenTelemetry: spans and the passing on of trace context, metrics, the export of the log. Knows no gRPC server.

`setup.py` starts and ends what `settings.py` asks for; the others are its parts. What is not configured does not exist:
no object of the SDK is made for it, and the rest of the gateway sees None in its place.
"""
