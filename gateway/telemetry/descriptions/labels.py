"""Labels that several instruments have."""

from typing import Final

from gateway.telemetry import conventions as names
from gateway.telemetry.instruments import Label

SYSTEM: Final = Label(names.RPC_SYSTEM_NAME, "`grpc`")
METHOD: Final = Label(names.RPC_METHOD, "full name of the method, such as `keyway.v1.KeyService/Encrypt`")
PROVIDER: Final = Label(names.KEYWAY_PROVIDER, "ID of the provider in the configuration")
