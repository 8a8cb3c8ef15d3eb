"""NHN Cloud Secure Key Manager, emulated: secrets, AES-256 and RSA-2048 keys with versions, client authentication.

| module | holds |
|---|---|
| emulator.py | what the host and the control port call |
| routes.py | the ten calls |
| user_data.py | what a caller may send: JSON fields, `keyVersion` |
| access.py | who the caller is, and whether app key, credentials and key store let it in |
| symmetric.py, asymmetric.py, texts.py | the cryptography, and keys as text |
| state.py, errors.py | what is kept, the failures |
| seed.py, seed_format.py, seed_fields.py | the default set, the control port's seed data |
| tls.py | a server TLS context that asks for client certificates |
| assumptions.py | every reading of ours where the vendor's document is silent |
"""

from gateway.emulators.secure_key_manager.emulator import SecureKeyManagerEmulator

__all__ = ["SecureKeyManagerEmulator"]
