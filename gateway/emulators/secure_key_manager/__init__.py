"""Emulator of NHN Cloud Secure Key Manager: secrets, AES-256 and RSA-2048 keys with versions, client authentication.

| module | contents |
|---|---|
| emulator.py | the interface to the host and the control port |
| routes.py | the ten calls |
| user_data.py | caller input: JSON fields, `keyVersion` |
| access.py | authentication: app key, credentials, key store |
| symmetric.py, asymmetric.py, texts.py | cryptography, and key material as text |
| state.py, errors.py | stored objects; failures |
| seed.py, seed_format.py, seed_fields.py | the default set; the control port's seed data |
| tls.py | a server TLS context that requests client certificates |
| assumptions.py | assumptions about questions that the vendor's document leaves open |
"""

from gateway.emulators.secure_key_manager.emulator import SecureKeyManagerEmulator

__all__ = ["SecureKeyManagerEmulator"]
