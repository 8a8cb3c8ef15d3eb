"""Emulates ASTERIA Warp's management API, module `certificate`: see routes.py for the calls, assumed.py for guesses."""

from gateway.emulators.asteria.emulator import AsteriaEmulator

__all__ = ["AsteriaEmulator"]
