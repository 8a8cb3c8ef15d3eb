"""Transit: encryption with the keys of a provider, for single texts and for batches."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.errors import GatewayError
from gateway.surfaces.vault import errors
from gateway.surfaces.vault.api_request import Answer, BodyFields, VaultRequest
from gateway.surfaces.vault.ciphertexts import bound_data, of_upstream, shown_version
from gateway.surfaces.vault.errors import VaultError
from gateway.surfaces.vault.key_use import EncryptedText, KeyUse, Plain, Sealed, TransitItem
from keyway.v1 import key_service_pb2 as keys

MAXIMUM_ITEMS: Final = 1000
_DATA_KEY_BITS: Final = 256
_UNSUPPORTED: Final = ("convergent_encryption", "nonce")
_WITHOUT_BODY: Final = (204, 205, 304)
"""Statuses whose responses have no body, and would lose the results of a batch."""
"""Parameters that would change the result. They are rejected instead of being ignored."""

Result = dict[str, Any] | VaultError
"""The members of a response, or the error."""


async def encrypt(request: VaultRequest) -> Answer:
    """Encrypt."""
    items, use = _items(request)
    plaintexts = [_plaintext(item) for item in items]
    return _answer(request, items, [_sealed(each) for each in await use.encrypt(items, plaintexts)])


async def decrypt(request: VaultRequest) -> Answer:
    """Decrypt."""
    items, use = _items(request)
    return _answer(request, items, [_plain(each) for each in await use.decrypt(items)])


async def rewrap(request: VaultRequest) -> Answer:
    """Encrypt ciphertexts again, with the current version of the key. The plaintexts stay in the gateway."""
    items, use = _items(request)
    plaintexts = await use.decrypt(items)
    return _answer(request, items, [_sealed(each) for each in await use.encrypt(items, plaintexts)])


async def data_key(request: VaultRequest) -> Answer:
    """Generate a data key. The path states whether the response contains its plaintext."""
    form, key = request.path[2:]
    if request.fields.number("bits") not in (0, _DATA_KEY_BITS):
        raise request.fields.problem("bits", f"must be {_DATA_KEY_BITS}")
    item, name = _item(request.fields), request.resource("keys", key)
    try:
        response = await request.calls.call("generate_data_key", keys.GenerateDataKeyRequest(name=name))
    except GatewayError as error:
        raise _of_key(errors.of_gateway(error)) from None
    made = await _sealed_data_key(request, item, name, response)
    plaintext = {"plaintext": b64encode(response.plaintext).decode()} if form == "plaintext" else {}
    return Answer({**made, **plaintext})


async def _sealed_data_key(request: VaultRequest, item: TransitItem, name: str, response: Any) -> dict[str, Any]:
    """Return the members for an encrypted data key. With a context, the data key is sealed in an envelope."""
    made: Sealed
    if item.bound:
        (made,) = await KeyUse(request, name, is_batch=False).encrypt([item], [response.plaintext])
    else:
        version = response.key_version if response.HasField("key_version") else None
        made = EncryptedText(of_upstream(response.ciphertext, version), shown_version(version))
    result = _sealed(made)
    if isinstance(result, VaultError):
        raise _of_key(result)
    return result


def _items(request: VaultRequest) -> tuple[Sequence[TransitItem], KeyUse]:
    """Return the texts of a request, and what processes them."""
    batch = request.fields.values.get("batch_input")
    use = KeyUse(request, request.resource("keys", request.path[2]), is_batch=batch is not None)
    if batch is None:
        return [_item(request.fields)], use
    if not isinstance(batch, list) or not 1 <= len(batch) <= MAXIMUM_ITEMS:
        raise request.fields.problem("batch_input", f"must be a list of 1 to {MAXIMUM_ITEMS} items")
    if not all(isinstance(each, dict) for each in batch):
        raise request.fields.problem("batch_input", "every item must be an object")
    return [_item(BodyFields(each, f"batch_input[{index}].")) for index, each in enumerate(batch)], use


def _item(fields: BodyFields) -> TransitItem:
    for name in _UNSUPPORTED:
        if fields.values.get(name):
            raise fields.problem(name, "is not supported")
    bound = bound_data(fields.base64("context"), fields.base64("associated_data"))
    return TransitItem(fields, bound, fields.number("key_version"))


def _plaintext(item: TransitItem) -> Plain:
    try:
        if "plaintext" not in item.fields.values:
            raise item.fields.problem("plaintext", "is missing")
        return item.fields.base64("plaintext")
    except VaultError as error:
        return error


def _sealed(result: Sealed) -> Result:
    if isinstance(result, VaultError):
        return result
    return {"ciphertext": result.ciphertext, "key_version": result.version}


def _plain(result: Plain) -> Result:
    return result if isinstance(result, VaultError) else {"plaintext": b64encode(result).decode()}


def _answer(request: VaultRequest, items: Sequence[TransitItem], results: Sequence[Result]) -> Answer:
    """Return the answer to a request with one text, or to a batch. Raises VaultError if the single text failed."""
    if request.fields.values.get("batch_input") is None:
        (result,) = results
        if isinstance(result, VaultError):
            raise _of_key(result)
        return Answer(result)
    _raise_common_failure(results)
    shown = [_shown_item(item, result) for item, result in zip(items, results, strict=True)]
    return Answer({"batch_results": shown}, _batch_status(request.fields, results))


def _raise_common_failure(results: Sequence[Result]) -> None:
    """Raise VaultError if all items failed with one status that is not the fault of an item, such as a denial."""
    failed = [each for each in results if isinstance(each, VaultError)]
    statuses = {each.status for each in failed}
    if len(failed) == len(results) and len(statuses) == 1 and (403 in statuses or min(statuses) >= 429):
        raise failed[0]


def _shown_item(item: TransitItem, result: Result) -> Mapping[str, Any]:
    members = {"error": result.text} if isinstance(result, VaultError) else result
    reference = item.fields.text("reference")
    return {**members, "reference": reference} if reference else members


def _batch_status(fields: BodyFields, results: Sequence[Result]) -> int:
    """Return the status of a batch: that of Vault, or the one that the caller wants if only a part failed."""
    failed = [each.status for each in results if isinstance(each, VaultError)]
    if not failed:
        return 200
    wanted = fields.number("partial_failure_response_code")
    if len(failed) < len(results) and 200 <= wanted <= 599 and wanted not in _WITHOUT_BODY:
        return wanted
    return max(failed) if max(failed) >= 429 else 400


def _of_key(error: VaultError) -> VaultError:
    """Return the error as Vault reports it: an unknown key is a fault of the request."""
    return VaultError(400, error.text) if error.status == 404 else error
