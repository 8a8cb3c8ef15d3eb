"""Loading of the configuration file of the agent, in YAML."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from keyway.agent.action_fields import action_of
from keyway.agent.fields import ConfigurationError, Fields
from keyway.agent.output_fields import output_of
from keyway.agent.schedule import Schedule
from keyway.agent.schedule_fields import schedule_of
from keyway.agent.settings import AgentSettings, ManagedCertificate, ServerCheck, TrustStoreSource
from keyway.targets import host_and_port, is_loopback

_CERTIFICATE: Final = re.compile(r"providers/[^/]+/certificates/[^/]+")
_TRUST_STORE: Final = re.compile(r"providers/[^/]+/trustStores/[^/]+")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_STATE_DIRECTORY: Final = "/var/lib/keyway-agent"
_HOUR: Final = 3600.0


def load(path: Path) -> AgentSettings:
    """Return the settings in a file. Raises ConfigurationError, or OSError if the file is unreadable."""
    try:
        tree = yaml.load(path.read_bytes(), _UniqueKeys)  # noqa: S506 - a safe loader
        return _settings(Fields(tree, "", path.absolute().parent))
    except ConfigurationError as error:
        raise ConfigurationError("", f"{path}: {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError("", f"{path}: not YAML: {' '.join(str(error).split())}") from None


class _UniqueKeys(yaml.SafeLoader):
    """A loader that rejects a mapping with the same key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ConfigurationError(str(key), f"twice in one mapping, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def _settings(fields: Fields) -> AgentSettings:
    connection, token_file = _connection(fields.mapping("gateway"))
    default = schedule_of(fields, Schedule(jitter=10 * 60, override_seconds=72 * _HOUR))
    made = AgentSettings(
        connection=connection,
        token_file=token_file,
        state_directory=fields.path("state_directory", _STATE_DIRECTORY),
        health_file=fields.path("health_file", None),
        metrics=_listener(fields, "metrics_address"),
        poll_seconds=fields.seconds("poll_interval", 300, least=1, most=24 * _HOUR),
        watch=fields.value("watch", bool, True),
        certificates=tuple(_certificate(each, default) for each in fields.mappings("certificates")),
    )
    fields.close()
    _reject_repeated(made)
    return made


def _reject_repeated(settings: AgentSettings) -> None:
    for number, each in enumerate(settings.certificates):
        for other in settings.certificates[:number]:
            if each.name == other.name:
                raise ConfigurationError(f"certificates[{number}].name", f"{each.name!r} is used twice")
            if each.directory == other.directory:
                problem = f"{each.directory} is also the directory of {other.name}"
                raise ConfigurationError(f"certificates[{number}].directory", problem)


def _connection(fields: Fields) -> tuple[Mapping[str, Any], Path | None]:
    address = fields.text("address")
    paths = {name: str(fields.path(name)) for name in ("ca", "certificate", "private_key") if _present(fields, name)}
    token_file = fields.path("token_file", None)
    server_name = fields.text("server_name", None)
    encrypted = fields.value("tls", bool, None)
    if encrypted is None:
        encrypted = not is_loopback(address) or bool(paths or server_name or token_file)
    made: dict[str, Any] = {"address": address, **paths, "deadline": fields.seconds("timeout", 30, least=1)}
    if server_name:
        made["server_name"] = server_name
    if not encrypted:
        made |= {"plaintext": True, "allow_remote_plaintext": True}
    fields.close()
    return made, token_file


def _present(fields: Fields, name: str) -> bool:
    """Return whether a field is set. The field is then known even if it is not."""
    return fields.path(name, None) is not None


def _certificate(fields: Fields, default: Schedule) -> ManagedCertificate:
    made = ManagedCertificate(
        name=fields.matching("name", _NAME, "must be letters, digits, '.', '_', or '-', at most 63"),
        certificate=_resource(fields.path_of("certificate"), fields.text("certificate")),
        authorities=tuple(
            _resource(f"{fields.path_of('authorities')}[{number}]", each)
            for number, each in enumerate(fields.texts("authorities", []))
        ),
        trust_store=fields.parsed("trust_store", _trust_store),
        hosts=fields.texts("hosts", []),
        directory=fields.path("directory"),
        outputs=tuple(output_of(each) for each in fields.mappings("outputs")),
        password_file=fields.path("password_file", None),
        private_key_password_file=fields.path("private_key_password_file", None),
        schedule=schedule_of(fields, default),
        check=fields.parsed("check", action_of),
        reload=fields.parsed("reload", action_of),
        verify=fields.parsed("verify", _server_check),
    )
    fields.close()
    files = [output.file for output in made.outputs]
    for number, file in enumerate(files):
        if file in files[:number]:
            raise ConfigurationError(f"{fields.where}.outputs[{number}].file", f"{file!r} is used twice")
    return made


def _resource(where: str, name: str) -> str:
    if _CERTIFICATE.fullmatch(name) is None:
        raise ConfigurationError(where, "must be a resource name: providers/{provider}/certificates/{certificate}")
    return name


def _trust_store(fields: Fields) -> TrustStoreSource:
    problem = "must be a resource name: providers/{provider}/trustStores/{trust_store}"
    made = TrustStoreSource(fields.matching("name", _TRUST_STORE, problem), fields.path("certificates_file"))
    fields.close()
    return made


def _server_check(fields: Fields) -> ServerCheck:
    address = _listener(fields, "address")
    if address is None:
        raise fields.error("address", "missing")
    name = fields.text("server_name", None)
    made = ServerCheck(*address, name, fields.seconds("timeout", 30, least=1, most=_HOUR))
    fields.close()
    return made


def _listener(fields: Fields, name: str) -> tuple[str, int] | None:
    text = fields.text(name, None)
    if text is None:
        return None
    found = host_and_port(text)
    if found is None:
        raise fields.error(name, "must be HOST:PORT, such as 127.0.0.1:443")
    return found
