"""Validation of audit events against the published schema of OCSF."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

_CLASSES = {6003: "api_activity"}


def ocsf_violations(event: Mapping[str, Any]) -> list[str]:
    """Return each violation of the schema of the event's class, version, and profiles: the member and the problem."""
    metadata = event["metadata"]
    validator = _validator(metadata["version"], event["class_uid"], tuple(metadata["profiles"]))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)]


@lru_cache
def _validator(version: str, class_uid: int, profiles: tuple[str, ...]) -> Any:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))
    compiled = schema.get_class_schema(_CLASSES[class_uid], profiles=list(profiles))
    return jsonschema.Draft202012Validator(compiled)
