"""Emulator of ASTERIA Warp's management API, module `certificate`."""

from gateway.emulators.asteria.emulator import AsteriaEmulator

__all__ = ["AsteriaEmulator"]
