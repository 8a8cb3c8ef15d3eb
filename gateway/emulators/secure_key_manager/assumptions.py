"""All assumptions about questions that the vendor's document leaves open.

Values are constants in this module. Rules are listed with the module that implements them.

Callers (access.py)
- In v1.1, user access key headers are optional (its only documented call has none), but checked if sent. v1.2
  requires them. v1.3 requires `X-NHN-Authorization: Bearer TOKEN`. This applies to `publicKey` too: only the key
  store's authentication is not required there.
- User access keys and tokens belong to the account, not to one app key.
- Checked in this order: app key, credentials, key id, key store (IPv4, MAC, certificate), the key's status, its
  version, the version's status, the user's data.
- MAC addresses are compared as text, ignoring case.
- `confirm` returns "" as `clientMacHeader` if no header was sent. The response has only the field
  `clientSentCerfificate`, spelled as in the sample.

Requests (user_data.py)
- JSON bodies must have `Content-Type: application/json` and exactly the documented fields; otherwise "Invalid User
  Data". `create-local-key`, which documents no body, ignores it.
- Base64 is accepted only as it was returned: standard alphabet, padded, on one line.
- An empty text is valid. 32 KB are 32 x 1024 bytes of UTF-8.
- `keyVersion` that isn't one decimal number is "Invalid Key Version"; `symmetric-key` of v1.0 ignores it.
- Any other path, and any other method on a known path, is "URL NOT FOUND".

Cryptography (symmetric.py, asymmetric.py)
- Ciphertext: 4 bytes of key version (big-endian), 16 of IV, AES-256-CBC blocks with PKCS#7 padding.
- Data key ciphertext: 16 bytes of IV and the raw key in two blocks, without padding or version: the
  documented sample has 48 bytes. The IV is a MAC of the data key under the stored key, so that
  `decrypt` recognizes the version and rejects other ciphertexts. `decrypt` returns the key as Base64.
- Signature: 4 bytes of key version, then RSA PKCS#1 v1.5 over the text itself, without a digest.
- Versions count from 0, and the highest one is the current one. The ciphertext sample has the prefix 0 and
  `keyVersion` 1, which contradict each other; here both are the version.
- A ciphertext with a version that doesn't exist is "Invalid User Data"; a signature with such a version doesn't match
  (result false, with the current version).
- Every use of an inactive version fails with "Invalid Key Version Status".

Responses (errors.py)
- The codes and HTTP statuses of all failures, and the messages for rejected credentials; `body` is null.
"""

from typing import Final

API_VERSIONS: Final = ("v1.0", "v1.1", "v1.2", "v1.3")
CHECKS_SENT_ACCESS_KEYS: Final = frozenset({"v1.1"})
DEMANDS_ACCESS_KEYS: Final = frozenset({"v1.2"})
DEMANDS_BEARER_TOKEN: Final = frozenset({"v1.3"})

FIRST_KEY_VERSION: Final = 0
VERSION_PREFIX_BYTES: Final = 4
MAXIMUM_ENCRYPT_BYTES: Final = 32 * 1024
MAXIMUM_SIGN_BYTES: Final = 245
RSA_BITS: Final = 2048
