"""Execution of the steps of a case with the sync and the asyncio client."""

import asyncio
import time
from typing import Any

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2  # noqa: F401 - required to print the details of errors of batch items

import keyway
from keyway.v1 import audit_service_pb2, certificate_service_pb2, key_service_pb2, provider_service_pb2
from tests.clients.python.outcomes import differences, failed, filled, succeeded
from tests.clients.python.watches import async_watch, sync_watch

FILES = (audit_service_pb2, certificate_service_pb2, key_service_pb2, provider_service_pb2)
STUBS = {
    "AuditService": "audit",
    "CertificateService": "certificates",
    "KeyService": "keys",
    "ProviderService": "providers",
}


def options(case: Any, ready: Any) -> Any:
    """Return the address and the connection arguments of a case."""
    listener, tls = case.get("listener", "plain"), ready["tls"]
    made = {"retries": case.get("retries", False)}
    if listener in ("plain", "watch"):
        made["plaintext"] = True
    else:
        made["ca"] = tls["ca"]
    if listener == "mtls" and case.get("certificate", True):
        made |= {"certificate": tls["certificate"], "private_key": tls["private_key"]}
    if listener == "jwt" and (token := case.get("token", ready["token"])):
        made["token"] = lambda: token
    return ready[listener], made


def call_of(client: Any, step: Any, first: Any) -> Any:
    """Return the method, the request and the call options of a step."""
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


def counted(method: Any) -> tuple[Any, list[Any]]:
    """Return a wrapper of the method, and the list of its requests."""
    pages: list[Any] = []

    def page(request: Any, **more: Any) -> Any:
        pages.append(request)
        return method(request, **more)

    return page, pages


def sync_outcome(case: Any, steps: Any, ready: Any) -> Any:
    address, made = options(case, ready)
    with keyway.connect(address, **made) as client:
        first = None
        for step in steps:
            outcome = sync_step(client, step, first, ready)
            first = outcome["response"] if first is None else first
            if why := differences(step.get("expect", {}), outcome, first):
                return why
    return ""


def sync_step(client: Any, step: Any, first: Any, ready: Any) -> Any:
    try:
        if "watch" in step:
            return succeeded(sync_watch(client, step, ready), ())
        method, request, extra = call_of(client, step, first)
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
            outcome = await async_step(client, step, first, ready)
            first = outcome["response"] if first is None else first
            if why := differences(step.get("expect", {}), outcome, first):
                return why
    return ""


async def async_step(client: Any, step: Any, first: Any, ready: Any) -> Any:
    try:
        if "watch" in step:
            return succeeded(await async_watch(client, step, ready), ())
        method, request, extra = call_of(client, step, first)
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
