"""Details of a failed call: the reason, the delay before a retry, and the request id."""

import keyway

with keyway.connect("127.0.0.1:50051", plaintext=True) as client:
    try:
        client.certificates.get_certificate(name="providers/nhn-certs/certificates/missing.example.com")
    except keyway.KeywayError as error:
        print(error.code.name, error.reason, error.metadata)
        print("retry after:", error.retry_delay, "seconds; request id:", error.request_id)
