"""Who a caller is: names from certificates, and JSON Web Tokens. Knows no gRPC."""
