"""The catalog of emulators, with the ports of `keyway-gateway emulate`."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.emulators.asteria import AsteriaEmulator
from gateway.emulators.base import Emulator
from gateway.emulators.certificate_manager import CertificateManagerEmulator
from gateway.emulators.secure_key_manager import SecureKeyManagerEmulator


class EmulatorType(NamedTuple):
    """One emulated upstream, its default port, and its control port."""

    emulator: type[Emulator]
    port: int
    control_port: int


EMULATOR_TYPES: Final[Mapping[str, EmulatorType]] = {
    "nhn-certificate-manager": EmulatorType(CertificateManagerEmulator, 28081, 28181),
    "nhn-secure-key-manager": EmulatorType(SecureKeyManagerEmulator, 28082, 28182),
    "asteria": EmulatorType(AsteriaEmulator, 28080, 28180),
}
