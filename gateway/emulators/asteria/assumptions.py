"""All assumptions about questions that the vendor's document leaves open.

Values are constants in this module. Rules are listed here, and marked "assumed" where the code applies them:

- Error body: `{"result": {"status": "error", "code": N, "message": text}}`, the code as a number. Failures without
  a documented code (role too low, unknown path, wrong method) have the same shape and no `code`.
- Order of checks: session, role, form of the request, missing parameters, their values, existence, password, content.
- An empty parameter counts as missing. Parameters of a POST are read only from its body, and only if the content type
  is the documented one. Unknown form fields are ignored; unknown multipart fields are 2301.
- `create`: a body that is not JSON, or not sent as JSON, is 2101, as are unknown keys and a signature algorithm that
  doesn't fit the key. C, ST, L, O, and OU may be omitted. It overwrites an existing certificate. The serial number is
  the time in milliseconds (the sample's is one).
- `chainInfo` contains the issuer of each certificate of the chain, leaf first: only this explains the two equal
  entries in the sample (a leaf and its self-signed authority).
- DN parts that occur several times are joined with a comma in `subject` and `issuer`.
- `csr/response/upload`: the two files can contain the certificates in any order and distribution; a certificate that is
  not part of the leaf's chain fails validation (2801). The CSR remains until the next create, import, or delete.
- `import`: the first private key of a JKS is used; `filePassword` opens both the file and the key in it; certificates
  that don't belong to the key's chain are left out. A PKCS#12 file with long key derivations or indefinite lengths
  can't be parsed (2204).
- A file holds at most 1,000 certificates; more can't be parsed (2204).
- `ca/import`: all or nothing. A certificate that is already trusted gets a second alias. Whether the certificate is a
  certificate authority is not checked.
- Each call restarts the session's lifetime. Calls with an insufficient role restart it too.
"""

import zoneinfo
from typing import Final

TIME_ZONE: Final = zoneinfo.ZoneInfo("Asia/Tokyo")
"""Time zone of the times in responses, which do not contain a time zone."""

LOGIN_FAILED_CODE: Final = 3002
"""Wrong user name or password at login (HTTP 403)."""

DEFAULT_SESSION_MINUTES: Final = 30
"""Reported, not documented."""

MAXIMUM_SESSION_MINUTES: Final = 7 * 24 * 60

SERVER_NAME: Final = "keyway-emulator"
SERVER_ID: Final = "5f0c1d2e-6a7b-4c8d-9e0f-a1b2c3d4e5f6"
"""Additional members of the login response (reported)."""

MINIMUM_PASSWORD_LENGTH: Final = 6
"""Documented: shorter key store and private key passwords are rejected."""

MAXIMUM_VALID_DAYS: Final = 36_500

RSA_KEY_SIZES: Final = range(1024, 8192 + 1, 8)
DSA_KEY_SIZES: Final = (1024, 2048, 3072)
EC_KEY_SIZES: Final = (224, 256, 384, 521)

DN_LENGTHS: Final = {"C": 2, "ST": 128, "L": 128, "O": 64, "OU": 64, "CN": 64}
"""Upper bounds of RFC 5280 for the name parts of `create`, in the order of the sample."""

CERTIFICATE_FILE: Final = "{store}-{number}.{extension}"
"""X509 in certs.zip: one file per certificate, leaf first, numbered from 1; extension `pem` or `der`."""

PKCS7_FILE: Final = "{store}.p7b"
"""PKCS7 in certs.zip: one file, PEM or DER."""

CSR_FILE: Final = "{store}.csr"
"""csr.zip: one PKCS#10 request in PEM."""
