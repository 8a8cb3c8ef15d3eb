"""The messages of Kubernetes' KMS v2 interface, in a descriptor pool of their own.

`kms.binpb` contains the descriptors; `clients/kms_descriptors.py` generates it.
"""

from importlib import resources
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

SERVICE: Final = "v2.KeyManagementService"


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    files = FileDescriptorSet.FromString(resources.files(__package__).joinpath("kms.binpb").read_bytes())
    for file in files.file:
        pool.Add(file)
    return pool


_POOL: Final = _pool()


def _message(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"v2.{name}"))


# Classes that are made at run time have no static types.
StatusRequest: Any = _message("StatusRequest")
StatusResponse: Any = _message("StatusResponse")
EncryptRequest: Any = _message("EncryptRequest")
EncryptResponse: Any = _message("EncryptResponse")
DecryptRequest: Any = _message("DecryptRequest")
DecryptResponse: Any = _message("DecryptResponse")
