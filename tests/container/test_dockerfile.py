"""The container image: the steps of the Dockerfile, run without a container engine, and the container that results.

Needs root, the right to mount, and the package index of pip. Skipped where mounts are not allowed.
"""

import json
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from gateway import __version__
from tests.support.container import Container
from tests.support.image import Image, build
from tests.support.programs import require_mounts, require_python_prefix

ROOT = Path(__file__).resolve().parents[2]
STATE = "/var/lib/keyway"

pytestmark = [
    pytest.mark.xdist_group("container"),
    pytest.mark.timeout(600),  # the first test builds the image, which takes minutes on a busy machine
]


@pytest.fixture(scope="module")
def workspace() -> Iterator[Path]:
    """Not a folder of pytest, which keeps the files of the last three runs: an image is large."""
    folder = Path(tempfile.mkdtemp(prefix="keyway-image-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(workspace: Path) -> Image:
    require_mounts()
    require_python_prefix(Path(sys.base_prefix))
    return build(ROOT, workspace)


@pytest.fixture(scope="module")
def configuration(workspace: Path) -> Path:
    folder = workspace / "configuration"
    folder.mkdir()
    (folder / "keyway.yaml").write_text("listen: 127.0.0.1:50051\ndrain_delay: 0\n")
    return folder


@pytest.fixture
def place(workspace: Path) -> Path:
    """The folder for the files of one container outside its image."""
    return Path(tempfile.mkdtemp(dir=workspace))


@pytest.fixture
def container(image: Image, place: Path, configuration: Path) -> Iterator[Container]:
    with Container(image, place, mounts=((configuration, "/etc/keyway"),)) as running:
        running.wait_until_healthy()
        yield running


def files_of(image: Image) -> list[Path]:
    return [path for path in image.layer.rglob("*") if not path.is_dir()]


def distributions(image: Image) -> set[str]:
    found = image.layer.rglob("*.dist-info")
    return {path.name.removesuffix(".dist-info").rpartition("-")[0].lower() for path in found}


def test_base_is_pinned_by_version(image: Image) -> None:
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+", image.base)


def test_label_contains_the_version(image: Image) -> None:
    assert image.labels["org.opencontainers.image.version"] == __version__


def test_image_contains_only_the_gateway(image: Image) -> None:
    places = {str(path.relative_to(image.layer)) for path in files_of(image)}
    outside = {place for place in places if not place.startswith("opt/keyway/")}
    # Written by groupadd and useradd.
    assert all(
        re.fullmatch(r"etc/(passwd|group|shadow|gshadow|subuid|subgid|\.pwd\.lock)-?", place) for place in outside
    )
    assert not [
        place
        for place in places
        if re.search(r"(^|/)(tests|\.git|\.venv|protos|requirements\.lock)(/|$)", place)
        and "site-packages" not in place
    ]
    assert {"keyway_client", "keyway_gateway"} <= distributions(image)


def test_bill_of_materials_lists_the_packages_in_the_image(image: Image) -> None:
    """Both packages are installed from wheels, so the wheels contain these files too."""
    (bill,) = image.layer.rglob("share/doc/keyway-gateway/keyway-gateway.cdx.json")
    assert (image.layer / "opt/keyway/share/doc/keyway-client/keyway-client.cdx.json").is_file()
    components = {canonicalize_name(component["name"]) for component in json.loads(bill.read_text())["components"]}
    installed = {canonicalize_name(name) for name in distributions(image)}
    assert installed == components | {"keyway-client", "keyway-gateway"}


def test_licenses_and_notices_are_in_the_image(image: Image) -> None:
    for package in ("keyway_client", "keyway_gateway"):
        (folder,) = image.layer.rglob(f"{package}-*.dist-info/licenses")
        assert {path.name for path in folder.iterdir()} == {"LICENSE", "NOTICE"}


def test_image_contains_no_build_tools(image: Image) -> None:
    assert not distributions(image) & {"pip", "setuptools", "wheel", "uv", "pytest", "mypy", "grpcio_tools"}
    assert not [
        path for path in files_of(image) if path.stat(follow_symlinks=False).st_mode & (stat.S_ISUID | stat.S_ISGID)
    ]


def test_packages_are_copies_and_do_not_name_an_index(image: Image) -> None:
    assert not list(image.layer.rglob("__editable__*"))
    for name in ("direct_url.json", "INSTALLER", "REQUESTED", "RECORD", "pip.conf"):
        for path in image.layer.rglob(name):
            text = path.read_text().replace("file:///src", "")
            assert "://" not in text, path
    assert all(
        json.loads(path.read_text())["url"].startswith("file:///src") for path in image.layer.rglob("direct_url.json")
    )


def test_modules_are_compiled(image: Image) -> None:
    """Python cannot store compiled modules in a read-only root, so every start would take longer without them."""
    (package,) = image.layer.glob("opt/keyway/lib/python3.*/site-packages/gateway")
    sources = {path.relative_to(package) for path in package.rglob("*.py")}
    compiled = {
        path.parent.parent.relative_to(package) / f"{path.name.split('.')[0]}.py" for path in package.rglob("*.pyc")
    }
    assert sources
    assert sources == compiled


def test_program_runs_as_an_unprivileged_user(container: Container) -> None:
    status = container.status()
    assert status["Uid"].split() == ["65532"] * 4
    assert status["Gid"].split() == ["65532"] * 4
    assert status["Groups"] == ""
    assert int(status["CapEff"], 16) == 0


def test_root_is_read_only_even_for_root(container: Container) -> None:
    for place in ("/probe", "/opt/keyway/probe", "/etc/keyway/probe"):
        refused = container.run("touch", place, user=(0, 0))
        assert "Read-only file system" in refused.stdout


def test_state_and_temporary_folders_are_writable(container: Container) -> None:
    for place in (f"{STATE}/probe", "/tmp/probe"):
        assert container.run("touch", place).returncode == 0


def test_modules_of_the_working_directory_are_not_imported(container: Container) -> None:
    (container.volume(STATE) / "grpc.py").write_text("raise SystemExit('imported from the state')")
    container.wait_until_healthy(0)


def test_stop_signal_ends_the_container_with_exit_code_0(container: Container) -> None:
    assert container.stop() == 0


def test_missing_configuration_is_reported(image: Image, place: Path) -> None:
    with Container(image, place) as running:
        assert running.wait() == 2
        assert "/etc/keyway/keyway.yaml" in running.output


def test_emulators_store_their_state_in_the_volume(image: Image, place: Path) -> None:
    with Container(image, place, command=("serve",)) as running:
        running.wait_until_healthy()
        assert running.stop() == 0
        assert list(running.volume(STATE).rglob("*.sqlite3"))
