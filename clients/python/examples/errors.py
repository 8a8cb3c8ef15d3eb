"""What a failed call tells: its reason, whether it may be repeated, and the id to quote."""

import keyway
from keyway.v1 import certificate_service_pb2 as certificates

with keyway.connect("127.0.0.1:50051", plaintext=True) as client:
    name = "providers/nhn-certs/certificates/nobody.example.com"
    try:
        client.certificates.GetCertificate(certificates.GetCertificateRequest(name=name))
    except keyway.KeywayError as error:
        print(error.code.name, error.reason, error.metadata)
        print("repeat after:", error.retry_delay, "seconds; quote:", error.request_id)
