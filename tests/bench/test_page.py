"""The generated parts of docs/performance.md, and the table of libraries that one of them contains."""

from pathlib import Path
from typing import get_args

import pytest

from tests.bench import libraries, page
from tests.bench.libraries import Counts


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the committed page."""
    path = tmp_path / "performance.md"
    path.write_text(page.PAGE.read_text())
    return path


@pytest.mark.parametrize("part", get_args(page.Part))
def test_publishing_a_part_changes_nothing_else(part: page.Part, copy: Path) -> None:
    others = {name: _content(copy, name) for name in get_args(page.Part) if name != part}
    page.publish(part, "new figures", copy)
    assert _content(copy, part) == "\n\nnew figures\n\n"
    assert {name: _content(copy, name) for name in others} == others
    assert copy.read_text().startswith("# Performance\n")


def test_a_page_without_the_markers_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("# Page\n")
    with pytest.raises(ValueError, match="markers of the part soak"):
        page.publish("soak", "figures", path)
    assert path.read_text() == "# Page\n"


def test_libraries_are_added_up_by_kind() -> None:
    root = "/usr/lib/python3.11"
    found = libraries.kinds(
        {
            "/usr/bin/python3.11": 1.0,
            "/opt/python/lib/libpython3.11.so.1.0": 2.0,
            f"{root}/site-packages/grpc/_cython/cygrpc.cpython-311-x86_64-linux-gnu.so": 3.0,
            f"{root}/site-packages/uvloop/loop.cpython-311-x86_64-linux-gnu.so": 4.0,
            f"{root}/lib-dynload/_asyncio.cpython-311-x86_64-linux-gnu.so": 5.0,
            "/usr/lib/x86_64-linux-gnu/libc.so.6": 6.0,
            "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": 7.0,
            "/usr/lib/x86_64-linux-gnu/libcrypto.so.3": 8.0,
            f"{root}/site-packages/google/_upb/_message.abi3.so": 9.0,
            f"{root}/lib-dynload/_struct.cpython-311-x86_64-linux-gnu.so": 10.0,
        }
    )
    assert {kind: number for kind, number in found.items() if number} == {
        "Python": 3.0,
        "gRPC": 3.0,
        "event loop in C": 9.0,
        "libc": 13.0,
        "TLS and hashes": 8.0,
        "Protocol Buffers": 9.0,
        "other": 10.0,
    }


def test_table_has_a_column_for_each_row_of_the_benchmark() -> None:
    bare = Counts(520_000.0, libraries.kinds({"/usr/bin/python3.11": 300_400.0, "/x/grpc/_cython/cygrpc.so": 99_700.0}))
    echo = Counts(400_000.0, libraries.kinds({"/usr/bin/python3.11": 200_000.0}))
    lines = libraries.table({"bare": bare, "echo": echo}).splitlines()
    assert lines[:3] == ["| thousand instructions | bare | echo |", "| --- | ---: | ---: |", "| gRPC | 100 | 0 |"]
    assert "| Python | 300 | 200 |" in lines
    assert lines[-1] == "| all per call, without the work per second | 520 | 400 |"


def _content(path: Path, part: str) -> str:
    _, begin, rest = path.read_text().partition(f"<!-- {part}: begin")
    content, end, _ = rest.partition(f"<!-- {part}: end -->")
    assert begin
    assert end
    return content.partition("-->")[2]
