"""Key IDs of Kubernetes and the stored key version."""

from pathlib import Path

import pytest

from gateway.config.base import ConfigError
from gateway.surfaces.kms.errors import KmsError
from gateway.surfaces.kms.key_versions import HighestVersion, key_id

KEY = "providers/nhn-keys/keys/cluster-key"


def test_key_id_differs_by_each_of_its_inputs() -> None:
    made = {
        key_id(cluster, key, version) for cluster in ("a", "b") for key in (KEY, KEY + "2") for version in (0, 1, 12)
    }
    assert len(made) == 12
    assert all(len(each) == 64 for each in made)


def test_lower_version_is_rejected_and_the_highest_one_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "key"
    HighestVersion(file, "a", KEY).accept(2)
    again = HighestVersion(file, "a", KEY)
    with pytest.raises(KmsError, match="returned key version 1, but version 2 or higher"):
        again.accept(1)
    again.accept(2)
    again.accept(3)
    assert file.stat().st_mode & 0o777 == 0o600


def test_version_of_another_key_or_cluster_does_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "key"
    HighestVersion(file, "a", KEY).accept(2)
    HighestVersion(file, "b", KEY).accept(0)
    HighestVersion(file, "b", KEY + "2").accept(0)


def test_version_is_not_used_again_after_another_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    HighestVersion(file, "a", KEY).accept(2)
    HighestVersion(file, "a", KEY + "2").accept(0)
    returned = HighestVersion(file, "a", KEY)
    with pytest.raises(KmsError, match="returned key version 2, but version 3 or higher"):
        returned.accept(2)
    returned.accept(3)
    HighestVersion(file, "a", KEY).accept(3)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"latest": "a", "versions": {"a": "x"}}', b'"text"', b"\xff"])
def test_damaged_file_is_a_configuration_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read as the key versions"):
        HighestVersion(file, "a", KEY)


def test_version_is_kept_in_memory_if_the_file_cannot_be_written(tmp_path: Path) -> None:
    highest = HighestVersion(tmp_path / "missing" / "key", "a", KEY)
    highest.accept(2)
    with pytest.raises(KmsError):
        highest.accept(1)
