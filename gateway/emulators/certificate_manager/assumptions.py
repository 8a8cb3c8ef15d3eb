"""All assumptions about questions that the vendor's documents leave open.

Values are constants in this module. Rules are listed with the module that implements them.

Access (access.py)
    A missing or wrong app key, user access key or bearer token is HTTP 401 with the failure envelope. v1.2 takes
    calls with and without the two access key headers, unless seeded with `require_access_key_in_v1_2`; what is
    sent must be right. v1.0 ignores both kinds of credentials. Credentials are looked at before the app key,
    and both before anything else.
HTTP status (errors.py)
    Documented failures come with HTTP 200, but 52009 (reported: 404).
Addresses (routes.py)
    An address, method or content type that a version does not have gets the web framework's own JSON, not the
    envelope: 404, 405, 415. Upload is such an address after v1.0.
    In v1.3 a certificate name that is not registered and is all digits counts as an id: 52009 instead of 52000.
List (paging.py, state.py)
    Invalid, repeated, or unknown values are rejected (BAD_PARAMETER). v1.0 wants `all` and `status`
    spelled as printed; v1.2 documents (v1.1: reported) that case does not matter. `totalCount` counts what the status
    filter leaves. `all=true` ignores the paging values and names the number of certificates as page size. A page past
    the last is empty. The expiration day itself still counts as unexpired; a certificate without a date is unexpired.
    Facts that no file and no seed gave are null (`domains`: []).
Upload (multipart.py, pem.py, checks.py)
    The name is looked up first (52000), then come 52007 and 52008, then the rest in the order of their codes. Exactly
    512 KiB is still taken. Form fields that are not files are ignored; a body that is no multipart is BAD_PARAMETER.
    The file's name must end in `.pem` (reported: the format guide says so), else 52003.
    A file is one chain, leaf first, then one private key, in PEM; text between the blocks is ignored, as OpenSSL
    writes some. A key that is missing, comes first or is not the leaf's is 52003. A key under a passphrase can't be
    compared and is taken: the format guide (reported) makes such keys.
    Names are compared literally, ignoring ASCII case, with the leaf's common name and alternative names: `*` is not
    expanded, so `*.example.com` does not serve `www.example.com`.
    An authority is an issuer's organization, else its common name. An issuer with neither, or not the authority that
    the certificate is registered with, is 52006.
    A certificate with two files refuses an upload (52002): which to replace is open.
Facts of a file (pem.py)
    `fileCreationDate` and `expirationDate` are the leaf's validity in the zone below. `domains` are its alternative
    DNS names, else its common name. Signature algorithms are spelled as Java spells them, which the sample does.
Download (routes.py)
    The stored file is served as it is, expired or broken. Its name is sent as raw UTF-8 in a quoted string: the
    documents promise that `curl -OJ` keeps the name, and curl reads no other form.
"""

from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Seoul")
"""The time zone of all dates, and of the day that decides between EXPIRED and UNEXPIRED."""

FILE_NAME_SUFFIX = ".pem"
"""The required extension of an uploaded file, in any case."""

LARGEST_NUMBER = 2**31 - 1
"""The largest pageSize and pageNum: the vendor's `Number` is assumed to be a Java int."""

INTERNAL_CODE, APP_KEY_CODE, CREDENTIALS_CODE, PARAMETER_CODE = -1, -2, -3, -4
"""Result codes of failures that the documents do not number."""
