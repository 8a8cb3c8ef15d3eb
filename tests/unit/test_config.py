"""Configuration validation: accepted values, and errors that name the place and never a value."""

from pathlib import Path

import pytest

from gateway import gateway_settings
from gateway.config.base import ConfigError, TimeZone
from gateway.gateway_settings import GatewaySettings
from gateway.providers.base.settings import ProviderSettings
from tests.support.configuration import SECRET, TYPES, ThingSettings, by_place, parse, problems, thing


class TestTree:
    def test_empty_configuration_has_defaults(self) -> None:
        settings = gateway_settings.parse({}, TYPES)
        assert settings.providers == ()
        assert settings.listen == "127.0.0.1:50051"
        assert settings.default_deadline == 30

    def test_providers_keep_their_order(self) -> None:
        assert [provider.id for provider in parse(thing(id="b"), thing(id="a")).providers] == ["b", "a"]

    def test_all_problems_are_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NOT_SET", raising=False)
        found = problems(
            thing(passwrod=SECRET, timeout=-1),
            {"id": "two", "type": SECRET},
            SECRET,
            thing(id="", endpoint=f"ftp://{SECRET}", password={"env": "NOT_SET"}),
            thing(id="three", endpoint={"file": "missing"}, client_certificate={"certificate": SECRET}),
            colour="blue",
            log={"level": SECRET, "shape": 1},
            default_deadline=0,
        )
        assert found.keys() == {
            "providers[0]",
            "providers[0].timeout",
            "providers[1].type",
            "providers[2]",
            "providers[3].id",
            "providers[3].endpoint",
            "providers[3].password",
            "providers[4].endpoint",
            "providers[4].client_certificate",
            "unknown key 'colour'",
            "log.level",
            "log",
            "default_deadline",
        }
        assert found["providers[0]"] == "unknown key 'passwrod'; did you mean 'password'?"
        assert found["log"] == "unknown key 'shape'"
        assert found["providers[3].password"] == "the environment variable NOT_SET is not set"
        assert "cannot be read" in found["providers[4].endpoint"]
        assert found["providers[1].type"] == "must be one of thing, other"

    @pytest.mark.parametrize("tree", [[], "text", 1, None, True])
    def test_configuration_must_be_a_mapping(self, tree: object) -> None:
        with pytest.raises(ConfigError, match=r"^the configuration: must be a mapping$"):
            gateway_settings.parse(tree, TYPES)

    @pytest.mark.parametrize("providers", [{}, "x", 1])
    def test_providers_must_be_a_list(self, providers: object) -> None:
        with pytest.raises(ConfigError) as caught:
            gateway_settings.parse({"providers": providers}, TYPES)
        assert by_place(caught.value) == {"providers": "must be a list"}

    def test_duplicate_id_is_rejected(self) -> None:
        assert problems(thing(), thing()) == {"providers[1].id": "another provider has this id"}

    def test_key_that_is_not_text_is_rejected(self) -> None:
        with pytest.raises(ConfigError):
            gateway_settings.parse({1: SECRET}, TYPES)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 0, "x", None, [], 601])
    def test_invalid_number_is_rejected(self, value: object) -> None:
        assert problems(thing(timeout=value)).keys() == {"providers[0].timeout"}

    def test_settings_are_immutable(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            parse().listen = "0.0.0.0:1"

    def test_repr_contains_no_secret(self) -> None:
        options = {"password": SECRET, "client_certificate": {"pkcs12": SECRET, "password": SECRET}}
        settings = parse(thing(**options, ca_certificates=SECRET))
        assert SECRET not in repr(settings) + str(settings) + repr(settings.providers[0].client_certificate)
        certificate = settings.providers[0].client_certificate
        assert certificate is not None
        assert SECRET not in repr(certificate.files())


class TestIds:
    @pytest.mark.parametrize("provider_id", ["a", "nhn-certs", "*", "인증", "a b", "...", "a" * 64])
    def test_valid_id_is_accepted(self, provider_id: str) -> None:
        assert parse(thing(id=provider_id)).providers[0].id == provider_id

    @pytest.mark.parametrize(
        "provider_id", ["", "-", ".", "..", "a/b", "a\n", "\x85", "\ud800", "a" * 65, "keyway:gateway", None, 1]
    )
    def test_invalid_id_is_rejected(self, provider_id: object) -> None:
        assert problems(thing(id=provider_id)).keys() == {"providers[0].id"}


class TestUrls:
    @pytest.mark.parametrize("key", ["endpoint", "proxy"])
    @pytest.mark.parametrize(
        "url", ["http://a", "https://a.example:8443", "http://127.0.0.1:1/prefix/", "http://[::1]:1", "http://xn--a"]
    )
    def test_valid_url_is_accepted(self, key: str, url: str) -> None:
        assert getattr(parse(thing(**{key: url})).providers[0], key) == url

    @pytest.mark.parametrize("key", ["endpoint", "proxy"])
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "a.example",
            "ftp://a",
            "http://",
            "http:///path",
            "http://:80",
            f"http://user:{SECRET}@a",
            f"http://user:{SECRET}@a\u2100b",
            "http://@a",
            "http://a?x=1",
            "http://a?",
            "http://a#",
            "http://a b",
            "http://a/b c",
            "http://a\nb",
            "http://a\r\nX-Header: y",
            "http://a:99999",
            "http://a:b",
            "http://a:0",
            "http://[::1",
            "http://예.example",
        ],
    )
    def test_invalid_url_is_rejected(self, key: str, url: str) -> None:
        assert problems(thing(**{key: url})).keys() == {f"providers[0].{key}"}


class TestTimezone:
    @pytest.mark.parametrize("zone", ["", "Nowhere", "Asia", "../etc/passwd", "/etc/passwd", "a\0b", 9, None])
    def test_unknown_time_zone_is_rejected(self, zone: object) -> None:
        class Zoned(ProviderSettings):
            timezone: TimeZone

        with pytest.raises(ConfigError) as caught:
            gateway_settings.parse({"providers": [thing(timezone=zone)]}, {"thing": Zoned})
        assert by_place(caught.value).keys() == {"providers[0].timezone"}


class TestListen:
    @pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.9.9.9:65535", "localhost:1", "[::1]:50051"])
    def test_loopback_address_is_accepted(self, listen: str) -> None:
        assert parse(listen=listen).listen == listen

    @pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.com:1", "[::ffff:10.0.0.1]:1"])
    def test_other_address_requires_identity(self, listen: str) -> None:
        assert problems(listen=listen) == {"listen": "must be a loopback address, because `identity` is not configured"}

    @pytest.mark.parametrize(
        "listen",
        [
            "",
            "127.0.0.1",
            "127.0.0.1:",
            ":1",
            "127.0.0.1:65536",
            "127.0.0.1:-1",
            "127.0.0.1:٣",
            "::1:50051",
            "::1",
            "[127.0.0.1]:1",
            "127.0.0.1:1\n",
            "unix:/tmp/x",
        ],
    )
    def test_invalid_address_is_rejected(self, listen: str) -> None:
        assert problems(listen=listen).keys() == {"listen"}

    def test_override_is_checked_like_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "keyway.yaml"
        path.write_text("listen: 127.0.0.1:1\n")
        assert gateway_settings.load(path, TYPES, {"listen": "127.0.0.1:2"}).listen == "127.0.0.1:2"
        with pytest.raises(ConfigError, match=r"^listen: must be a loopback"):
            gateway_settings.load(path, TYPES, {"listen": "0.0.0.0:2"})


class TestReferences:
    def test_environment_variable_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("THING_PASSWORD", SECRET)
        monkeypatch.setenv("THING_TIMEOUT", "7.5")
        provider = parse(thing(password={"env": "THING_PASSWORD"}, timeout={"env": "THING_TIMEOUT"})).providers[0]
        assert isinstance(provider, ThingSettings)
        assert provider.password is not None
        assert provider.password.get_secret_value() == SECRET
        assert provider.timeout == 7.5

    def test_file_is_relative_to_the_configuration(self, tmp_path: Path) -> None:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "password").write_bytes(f"\ufeff {SECRET} \r\n\n".encode())
        path = tmp_path / "keyway.yaml"
        path.write_text(
            "\ufeffproviders:\n- {id: a, type: thing, endpoint: 'http://a', password: {file: secrets/password}}\n"
        )
        provider = gateway_settings.load(path, TYPES).providers[0]
        assert isinstance(provider, ThingSettings)
        assert provider.password is not None
        assert provider.password.get_secret_value() == f" {SECRET} "

    def test_absolute_path_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "url").write_text("http://a\n")
        assert parse(thing(endpoint={"file": str(tmp_path / "url")})).providers[0].endpoint == "http://a"

    def test_binary_file_is_read_unchanged(self, tmp_path: Path) -> None:
        content = bytes(range(256)) + b"\n"
        (tmp_path / "store.p12").write_bytes(content)
        provider = parse(thing(client_certificate={"pkcs12": {"file": "store.p12"}}), base=tmp_path).providers[0]
        assert provider.client_certificate is not None
        assert provider.client_certificate.files().pkcs12 == content

    def test_binary_file_in_place_of_text_is_rejected(self, tmp_path: Path) -> None:
        (tmp_path / "password").write_bytes(SECRET.encode() + b"\xff")
        found = problems(thing(password={"file": "password"}), base=tmp_path)
        assert found.keys() == {"providers[0].password"}

    @pytest.mark.parametrize("path", ["missing", ".", "a\0b", "~no-such-user-at-all/x"])
    def test_unreadable_file_is_rejected(self, path: str, tmp_path: Path) -> None:
        assert problems(thing(password={"file": path}), base=tmp_path).keys() == {"providers[0].password"}

    def test_type_of_a_provider_cannot_be_a_reference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It selects the keys of the provider, so the JSON Schema cannot check a configuration without it."""
        monkeypatch.setenv("THING_TYPE", "thing")
        for reference in ({"env": "THING_TYPE"}, {"env": "NOT_SET"}, {"file": "missing"}):
            assert problems(thing(type=reference)) == {
                "providers[0].type": "must be the name of a type, not a reference"
            }

    def test_unresolved_reference_at_the_top_is_reported(self) -> None:
        with pytest.raises(ConfigError) as caught:
            gateway_settings.parse({"env": "KEYWAY_NOT_SET"}, TYPES)
        assert "the configuration" in by_place(caught.value)

    @pytest.mark.parametrize("reference", [{"env": 1}, {"file": None}, {"env": "A", "file": "b"}, {"path": "x"}])
    def test_invalid_reference_is_rejected(self, reference: object) -> None:
        assert problems(thing(password=reference)).keys() == {"providers[0].password"}


class TestYaml:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (f"listen: [{SECRET}", "not valid YAML"),
            (f"a: b: {SECRET}", "not valid YAML"),
            (f"a: !!python/object:os.system {SECRET}", "not valid YAML"),
            ("day: 2024-13-45", "not valid YAML"),
            (f"listen: 127.0.0.1:1\nlisten: {SECRET}", "2:1: duplicate key 'listen'"),
            (f"providers:\n  - id: a\n    app_key: b\n    app_key: {SECRET}", "4:5: duplicate key 'app_key'"),
            ("a: \x01", "not valid YAML"),
            ("[" * 3000, "not valid YAML"),
        ],
    )
    def test_invalid_yaml_is_reported_without_its_content(self, text: str, expected: str, tmp_path: Path) -> None:
        path = tmp_path / "keyway.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            gateway_settings.load(path, TYPES)
        assert expected in str(caught.value)
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
    def test_empty_file_has_defaults(self, text: str, tmp_path: Path) -> None:
        path = tmp_path / "keyway.yaml"
        path.write_text(text)
        assert gateway_settings.load(path, TYPES) == GatewaySettings()

    def test_file_that_is_not_utf8_is_rejected(self, tmp_path: Path) -> None:
        path = tmp_path / "keyway.yaml"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigError, match="not UTF-8 text"):
            gateway_settings.load(path, TYPES)

    def test_missing_file_is_rejected(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            gateway_settings.load(tmp_path / "missing.yaml", TYPES)
