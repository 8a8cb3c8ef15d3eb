"""Attribute and metric names, compared with the published conventions."""

from opentelemetry.semconv._incubating.attributes import (
    cpu_attributes,
    process_attributes,
    rpc_attributes,
    url_attributes,
)
from opentelemetry.semconv._incubating.metrics import http_metrics, process_metrics, rpc_metrics
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes, service_attributes
from opentelemetry.semconv.schemas import Schemas

from gateway.telemetry import conventions as names


def test_names_are_those_of_the_conventions() -> None:
    modules = (
        rpc_attributes,
        url_attributes,
        error_attributes,
        http_attributes,
        server_attributes,
        rpc_metrics,
        http_metrics,
        cpu_attributes,
        process_attributes,
        service_attributes,
        process_metrics,
    )
    published = {key: value for module in modules for key, value in vars(module).items() if key.isupper()}
    ours = {
        key: value
        for key, value in vars(names).items()
        if isinstance(value, str) and key.isupper() and "." in value and not value.startswith(("keyway.", "https:"))
    }
    assert len(ours) == 17
    assert {key: published.get(key) for key in ours} == ours
    assert rpc_attributes.RpcSystemNameValues.GRPC.value == names.GRPC


def test_schema_is_the_one_that_the_names_are_from() -> None:
    assert list(Schemas)[-1].value == names.SCHEMA_URL
