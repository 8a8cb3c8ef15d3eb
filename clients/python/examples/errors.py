"""What a failed call tells: its reason, whether it may be repeated, and the id to quote."""

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import certificate_service_pb2_grpc

DETAILS = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)

with grpc.insecure_channel("127.0.0.1:50051") as channel:
    service = certificate_service_pb2_grpc.CertificateServiceStub(channel)
    name = "providers/nhn-certs/certificates/nobody.example.com"
    try:
        service.GetCertificate(certificates.GetCertificateRequest(name=name), timeout=5)
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        print(error.code().name, dict(error.trailing_metadata())["keyway-request-id"])
        for packed in status.details:
            for detail in (kind() for kind in DETAILS):
                if packed.Unpack(detail):
                    print(detail)
