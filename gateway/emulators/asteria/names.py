"""Distinguished names in the API's formats: a dictionary of parts, or an RFC 2253 string as Java writes it."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.emulators.asteria import der

_RFC_2253 = {
    NameOID.COMMON_NAME: "CN",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.USER_ID: "UID",
}
"""The keywords of RFC 2253. Every other attribute is printed as an object identifier."""

_PARTS = {**_RFC_2253, NameOID.EMAIL_ADDRESS: "EMAILADDRESS", NameOID.SERIAL_NUMBER: "SERIALNUMBER"}
_PART_ORDER = ("C", "ST", "L", "O", "OU", "CN")
_SPECIAL = frozenset(',+"\\<>;')


def parts(name: x509.Name) -> dict[str, str]:
    """Return the name by short key, in the order of the document's samples, followed by other parts."""
    values: dict[str, list[str]] = {}
    for attribute in name:
        key = _PARTS.get(attribute.oid, attribute.oid.dotted_string)
        values.setdefault(key, []).append(_text(attribute))
    ordered = [key for key in _PART_ORDER if key in values]
    ordered += [key for key in values if key not in _PART_ORDER]
    return {key: ",".join(values[key]) for key in ordered}


def text(name: x509.Name) -> str:
    """Return the name as one string, the most specific part first."""
    return ",".join("+".join(_pair(attribute) for attribute in rdn) for rdn in reversed(name.rdns))


def _pair(attribute: x509.NameAttribute[str | bytes]) -> str:
    keyword = _RFC_2253.get(attribute.oid)
    if keyword is None or isinstance(attribute.value, bytes):
        return f"{keyword or attribute.oid.dotted_string}=#{_encoded(attribute).hex()}"
    return f"{keyword}={_escape(attribute.value)}"


def _escape(value: str) -> str:
    escaped = "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in value).replace("\0", "\\00")
    if value.endswith(" "):
        escaped = f"{escaped[:-1]}\\ "
    return f"\\{escaped}" if value.startswith(("#", " ")) and value != " " else escaped


def _text(attribute: x509.NameAttribute[str | bytes]) -> str:
    return attribute.value.hex() if isinstance(attribute.value, bytes) else attribute.value


def _encoded(attribute: x509.NameAttribute[str | bytes]) -> bytes:
    """Return the value as DER, which RFC 2253 prints in hexadecimal for attributes without a keyword."""
    name = der.single(x509.Name([attribute]).public_bytes(), der.SEQUENCE)
    pair = name.children()[0].children()[0].children(at_least=2)
    return pair[1].encoded
