"""All assumptions about questions that the vendor's documents leave open.

Values are constants in this module. Rules are listed with the module that implements them.

Access (access.py)
    A missing or wrong app key, user access key, or bearer token is HTTP 401 with the failure envelope. v1.2 accepts
    calls with and without the two access key headers, unless seeded with `require_access_key_in_v1_2`; headers that
    are sent must be correct. v1.0 ignores both kinds of credentials. Credentials are checked first, then the app key,
    then everything else.
HTTP status (errors.py)
    Documented failures have HTTP 200, except 52009 (reported: 404).
Addresses (routes.py)
    An address, method, or content type that a version does not have gets the web framework's own JSON instead of the
    envelope: 404, 405, 415. After v1.0, upload is such an address.
    In v1.3, an unregistered certificate name that consists of digits counts as an id: 52009 instead of 52000.
List (paging.py, state.py)
    Invalid, repeated, or unknown values are rejected (BAD_PARAMETER). An empty value means the default. In v1.0, `all`
    and `status` are case-sensitive; v1.2 documents (v1.1: reported) that case does not matter. `totalCount` counts the
    certificates that match the status. `all=true` ignores the paging values and returns the number of certificates as
    page size. A page after the last one is empty. A certificate is unexpired until the end of its expiration day;
    without a date, it is unexpired. Facts that neither a file nor the seed contains are null (`domains`: []).
Upload (multipart.py, pem.py, checks.py)
    The name is checked first (52000), then 52007 and 52008, then the rest in the order of their codes. A file of
    exactly 512 KiB is accepted. Form fields that are not files are ignored; a body that is not multipart is
    BAD_PARAMETER.
    The file name must end in `.pem` (reported: the format guide), otherwise 52003.
    A file is one chain, leaf first, then one private key, in PEM. Text between the blocks is ignored, because OpenSSL
    writes such text. A key that is missing, that comes first, or that does not belong to the leaf is 52003. A key with
    a passphrase can't be compared and is accepted: the commands of the format guide (reported) create such keys.
    Names are compared literally, ignoring ASCII case, with the leaf's common name and alternative names: `*` is not
    expanded, so `*.example.com` does not match `www.example.com`.
    The authority is the issuer's organization, otherwise its common name. An issuer with neither, or another authority
    than the one that the certificate is registered with, is 52006.
    A certificate with two files rejects an upload (52002): the documents do not say which file to replace.
Facts of a file (pem.py)
    `fileCreationDate` and `expirationDate` are the leaf's validity in the zone below. `domains` are its alternative
    DNS names, otherwise its common name. Signature algorithms have Java's names, as in the sample.
Download (routes.py)
    The documents list the codes for all calls together. By default, the stored file is returned unchanged, even if it
    is expired or broken; seeded with `check_downloads`, such a file is 52003 or 52005. Its name is sent as raw UTF-8 in
    a quoted string: the documents say that `curl -OJ` keeps the name, and curl supports no other form.
"""

from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Seoul")
"""The time zone of all dates, and of the current day for EXPIRED and UNEXPIRED."""

FILE_NAME_SUFFIX = ".pem"
"""The required extension of an uploaded file, in any case."""

LARGEST_NUMBER = 2**31 - 1
"""The largest pageSize and pageNum: the vendor's `Number` is assumed to be a Java int."""

INTERNAL_CODE, APP_KEY_CODE, CREDENTIALS_CODE, PARAMETER_CODE = -1, -2, -3, -4
"""Result codes of failures for which the documents have no code."""
