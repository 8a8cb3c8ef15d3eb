"""Runs the cases with the Python clients, sync and asyncio by turns; seals, opens and measures for the conformance.

runner.py                       the cases of KEYWAY_CASES; one line of JSON for each
runner.py seal KEY AAD < in > out
runner.py open AAD < in > out
runner.py open-all LIST          each line is ENVELOPE OUTPUT AAD (- for none); says which were opened
runner.py bench seal FILE
"""

import asyncio
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf import json_format
from google.rpc import error_details_pb2  # noqa: F401 - so that details of a batch's errors can be printed

import keyway
from keyway.envelope import EnvelopeError, Opener, Sealer
from keyway.v1 import certificate_service_pb2, key_service_pb2, provider_service_pb2

FILES = (certificate_service_pb2, key_service_pb2, provider_service_pb2)
STUBS = {"CertificateService": "certificates", "KeyService": "keys", "ProviderService": "providers"}


def sandbox() -> Any:
    return json.loads(Path(os.environ["KEYWAY_SANDBOX"]).read_text())


def options(case: Any, ready: Any) -> Any:
    """How the client of this case connects."""
    listener, tls = case.get("listener", "plain"), ready["tls"]
    made = {"retries": case.get("retries", False)}
    if listener == "plain":
        made["plaintext"] = True
    else:
        made["ca"] = tls["ca"]
    if listener == "mtls" and case.get("certificate", True):
        made |= {"certificate": tls["certificate"], "private_key": tls["private_key"]}
    if listener == "jwt" and (token := case.get("token", ready["token"])):
        made["token"] = lambda: token
    return ready[listener], made


def call_of(client: Any, step: Any, first: Any) -> Any:
    """The method, the request, and what goes with it."""
    service, name = step["method"].removeprefix("keyway.v1.").split("/")
    (descriptor,) = (
        file.DESCRIPTOR.services_by_name.get(service) for file in FILES if service in file.DESCRIPTOR.services_by_name
    )
    kind = descriptor.methods_by_name[name].input_type
    (module,) = (file for file in FILES if file.DESCRIPTOR is kind.file)
    request = json_format.ParseDict(filled(step.get("request", {}), first), getattr(module, kind.name)())
    extra = {"timeout": step.get("deadline_ms", 10_000) / 1000}
    if "request_metadata" in step:
        extra["metadata"] = tuple(step["request_metadata"].items())
    return getattr(getattr(client, STUBS[service]), name), request, extra


def filled(value: Any, first: Any) -> Any:
    """With "${…}" replaced by what the first response has there."""
    if isinstance(value, dict):
        return {key: filled(member, first) for key, member in value.items()}
    if isinstance(value, list):
        return [filled(member, first) for member in value]
    if isinstance(value, str) and value.startswith("${"):
        for part in value[2:-1].split("."):
            first = first[int(part)] if isinstance(first, list) else first[part]
        return first
    return value


def sync_outcome(case: Any, steps: Any, ready: Any) -> Any:
    address, made = options(case, ready)
    with keyway.connect(address, **made) as client:
        first = None
        for step in steps:
            outcome = sync_step(client, step, first)
            first = outcome["response"] if first is None else first
            if why := differences(step.get("expect", {}), outcome, first):
                return why
    return ""


def sync_step(client: Any, step: Any, first: Any) -> Any:
    method, request, extra = call_of(client, step, first)
    try:
        if step.get("repeat_pages"):
            page, pages = counted(method)
            names = [item.name for item in keyway.iterate(page, request, **extra)]
            return succeeded({"items": names, "pages": len(pages)}, ())
        if "cancel_after_ms" in step:
            call = method.future(request, **extra)
            time.sleep(step["cancel_after_ms"] / 1000)
            call.cancel()
            try:
                response = call.result()
            except grpc.FutureCancelledError:
                return {"status": call.code().name, "response": {}, "trailers": call.trailing_metadata() or ()}
        else:
            response, call = method.with_call(request, **extra)
        return succeeded(json_format.MessageToDict(response), call.trailing_metadata())
    except keyway.KeywayError as error:
        return failed(error)


async def async_outcome(case: Any, steps: Any, ready: Any) -> Any:
    address, made = options(case, ready)
    async with keyway.aio.connect(address, **made) as client:
        first = None
        for step in steps:
            outcome = await async_step(client, step, first)
            first = outcome["response"] if first is None else first
            if why := differences(step.get("expect", {}), outcome, first):
                return why
    return ""


async def async_step(client: Any, step: Any, first: Any) -> Any:
    method, request, extra = call_of(client, step, first)
    try:
        if step.get("repeat_pages"):
            page, pages = counted(method)
            names = [item.name async for item in keyway.aio.iterate(page, request, **extra)]
            return succeeded({"items": names, "pages": len(pages)}, ())
        call = method(request, **extra)
        if "cancel_after_ms" in step:
            asyncio.get_running_loop().call_later(step["cancel_after_ms"] / 1000, call.cancel)
            try:
                await call
            except asyncio.CancelledError:
                return {"status": (await call.code()).name, "response": {}, "trailers": ()}
        response = await call
        return succeeded(json_format.MessageToDict(response), await call.trailing_metadata())
    except keyway.KeywayError as error:
        return failed(error)


def counted(method: Any) -> tuple[Any, list[Any]]:
    """The method, and the requests that it was called with."""
    pages: list[Any] = []

    def page(request: Any, **more: Any) -> Any:
        pages.append(request)
        return method(request, **more)

    return page, pages


def succeeded(response: Any, trailers: Any) -> Any:
    return {"status": "OK", "response": response, "trailers": dict(trailers or ())}


def failed(error: Any) -> Any:
    trailers = {"keyway-request-id": error.request_id, "keyway-audit-receipt": error.receipt}
    return {
        "status": error.code.name,
        "response": {},
        "reason": error.reason,
        "metadata": dict(error.metadata),
        "violations": [violation.field for violation in error.violations],
        "retry_info": error.retry_delay is not None,
        "trailers": {name: value for name, value in trailers.items() if value},
        "text": str(error),
    }


def differences(expected: Any, outcome: Any, first: Any) -> Any:
    """What is not as expected; empty where all is."""
    if outcome["status"] != expected["status"]:
        return f"status {outcome['status']} instead of {expected['status']}: {outcome.get('text', '')}"
    if not fits(filled(expected.get("response", {}), first), outcome["response"]):
        return f"response {outcome['response']} does not hold {expected['response']}"
    missing = [name for name in expected.get("present", ()) if not outcome["response"].get(name)]
    extra = [name for name in expected.get("absent", ()) if outcome["response"].get(name)]
    unsent = [name for name in expected.get("trailers", ()) if not outcome["trailers"].get(name)]
    if missing or extra or unsent:
        return f"missing {missing}, too much {extra}, trailers missing {unsent}"
    for name in ("reason", "retry_info"):
        if name in expected and outcome.get(name) != expected[name]:
            return f"{name} {outcome.get(name)!r} instead of {expected[name]!r}"
    if not fits(expected.get("metadata", {}), outcome.get("metadata", {})):
        return f"metadata {outcome.get('metadata')} do not hold {expected['metadata']}"
    if (
        sorted(expected.get("violations", [])) != sorted(set(outcome.get("violations", [])))
        and "violations" in expected
    ):
        return f"violations {outcome.get('violations')} instead of {expected['violations']}"
    return ""


def fits(expected: Any, found: Any) -> Any:
    """Whether all that is expected is there; protobuf JSON leaves out what is false, 0 or empty."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(fits(value, found.get(key)) for key, value in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(fits, expected, found))
    return found == expected or (not expected and found is None)


def prepare(case: Any, ready: Any) -> None:
    for url in ready["controls"].values():
        control("DELETE", f"{url}/faults")
    before = case.get("before", [])
    for step in before if isinstance(before, list) else [before]:
        control("POST", ready["controls"][step["control"]] + step["path"], json.dumps(step["body"]).encode())


def control(method: Any, url: Any, body: Any = None) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=30) as answer:
        answer.read()


def run_cases() -> None:
    ready = sandbox()
    for case in json.loads(Path(os.environ["KEYWAY_CASES"]).read_text()):
        steps = [case, *case.get("then", ())]
        why = ""
        for kind, run in {"sync": sync_outcome, "asyncio": lambda *told: asyncio.run(async_outcome(*told))}.items():
            try:
                prepare(case, ready)
                found = run(case, steps, ready)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what became of the case
                found = f"{type(error).__name__}: {error}"
            why += f"{kind}: {found} " if found else ""
        print(json.dumps({"case": case["name"], "passed": not why, "why": why.strip()}, ensure_ascii=False), flush=True)


def plain_client() -> Any:
    return keyway.connect(sandbox()["plain"], plaintext=True)


def seal(key: Any, associated_data: Any) -> None:
    with plain_client() as client:
        Sealer(client.keys, key).seal_stream(sys.stdin.buffer, sys.stdout.buffer, associated_data)


def open_(associated_data: Any) -> Any:
    """Nothing is written before all has verified."""
    with plain_client() as client, tempfile.SpooledTemporaryFile(1 << 20) as opened:
        try:
            Opener(client.keys).open_stream(sys.stdin.buffer, opened, associated_data)
        except (EnvelopeError, keyway.KeywayError) as error:
            return str(error)
        opened.seek(0)
        shutil.copyfileobj(opened, sys.stdout.buffer)
        return 0


def open_all(lines: list[str]) -> None:
    with plain_client() as client:
        opener = Opener(client.keys)
        for source, target, associated_data in map(str.split, lines):
            try:
                opener.open_file(source, target, bytes.fromhex(associated_data.strip("-")))
                print("opened")
            except EnvelopeError:
                print("refused")
            except keyway.KeywayError:
                print("failed")


def bench(file: Any) -> None:
    """Bytes per second, written to nowhere, of both; the same pieces, from the same file."""
    size = os.path.getsize(file)
    with plain_client() as client:
        sealer = Sealer(client.keys, "providers/nhn-keys/keys/orders-key")
        sealer.seal(b"")  # connects, and fetches the data key
        works: dict[str, Any] = {"raw": raw, "seal": sealer.seal_stream}
        rates = {"seal": 0.0, "raw": 0.0}
        for _ in range(3):
            for name, work in works.items():
                with open(file, "rb", buffering=0) as source, open(os.devnull, "wb", buffering=0) as target:
                    started = time.perf_counter()
                    work(source, target)
                    rates[name] = max(rates[name], size / (time.perf_counter() - started))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    ratio = round(rates["seal"] / rates["raw"], 3)
    print(json.dumps({"seal": round(rates["seal"]), "raw": round(rates["raw"]), "ratio": ratio, "peak_rss": peak}))


def raw(source: Any, target: Any) -> None:
    """AES-256-GCM of the library alone, in pieces of a segment's size."""
    cipher, number = AESGCM(os.urandom(32)), 0
    piece, output = bytearray(65_536), bytearray(65_536 + 16)
    while (count := source.readinto(piece)) == len(piece):
        cipher.encrypt_into(number.to_bytes(12, "big"), piece, None, output)
        target.write(output)
        number += 1
    target.write(cipher.encrypt(number.to_bytes(12, "big"), bytes(piece[:count]), None))


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            run_cases()
        case ["seal", key, associated_data]:
            seal(key, bytes.fromhex(associated_data))
        case ["open", associated_data]:
            sys.exit(open_(bytes.fromhex(associated_data)))
        case ["open-all", lines]:
            open_all(Path(lines).read_text().splitlines())
        case ["bench", "seal", file]:
            bench(file)
        case _:
            sys.exit(__doc__)
