"""The messages of Envoy's Secret Discovery Service, in a descriptor pool of their own.

Other packages register files with the same names in the default pool, in other versions. `envoy.binpb` contains the
messages that the gateway uses; `clients/envoy_descriptors.py` generates it.
"""

from importlib import resources
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

SERVICE: Final = "envoy.service.secret.v3.SecretDiscoveryService"
_DISCOVERY: Final = "envoy.service.discovery.v3"
_MESSAGE: Final = "envoy.extensions.transport_sockets.tls.v3.Secret"
SECRET_TYPE_URL: Final = f"type.googleapis.com/{_MESSAGE}"


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    files = FileDescriptorSet.FromString(resources.files(__package__).joinpath("envoy.binpb").read_bytes())
    for file in files.file:
        pool.Add(file)
    return pool


def _message(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(name))


_POOL: Final = _pool()

# Classes that are made at run time have no static types.
DiscoveryRequest: Any = _message(f"{_DISCOVERY}.DiscoveryRequest")
DiscoveryResponse: Any = _message(f"{_DISCOVERY}.DiscoveryResponse")
DeltaDiscoveryRequest: Any = _message(f"{_DISCOVERY}.DeltaDiscoveryRequest")
DeltaDiscoveryResponse: Any = _message(f"{_DISCOVERY}.DeltaDiscoveryResponse")
Secret: Any = _message(_MESSAGE)
