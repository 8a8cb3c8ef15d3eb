"""Limits on the structure of the code: module size, function length, unique class names, and no import cycles."""

import ast
import collections
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
LARGEST_MODULE = 300
MEDIAN_BODY = 8
P90_BODY = 20
GENERATED = ("_pb2.py", "_pb2_grpc.py")
GENERATED_MARK = "do not edit"
SYNC_AND_ASYNCIO = ("Client",)
"""Classes that `keyway.aio` offers with the same name and purpose as `keyway`."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[str, str]:
    """Return the text of every hand-written Python module in the repository, by path."""
    listed = subprocess.run(
        ("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"),
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in listed if (ROOT / path).is_file()}
    return {path: text for path, text in texts.items() if not is_generated(path, text)}


def is_generated(path: str, text: str) -> bool:
    return path.endswith(GENERATED) or GENERATED_MARK in text.partition("\n")[0].lower()


@cache
def trees(*folders: str) -> dict[str, ast.Module]:
    """Return the parsed modules in some folders, by path."""
    return {path: ast.parse(text) for path, text in modules().items() if path.startswith(folders)}


def class_names(*folders: str) -> dict[str, list[str]]:
    """Return the paths of the modules that define a class, by its name."""
    places: dict[str, list[str]] = collections.defaultdict(list)
    for path, tree in trees(*folders).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path)
    return places


def functions() -> Iterator[Function]:
    for tree in trees("gateway/").values():
        yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Return the lines of a function without its signature and its docstring."""
    first, *rest = function.body
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = rest[0] if is_docstring and rest else first
    assert function.end_lineno is not None
    return 1 if is_docstring and not rest else function.end_lineno - start.lineno + 1


def test_no_hand_written_module_is_too_long() -> None:
    sizes = {path: text.count("\n") for path, text in modules().items()}
    assert {path: size for path, size in sizes.items() if size > LARGEST_MODULE} == {}


@pytest.mark.parametrize("folders", [("gateway/", "tests/support/"), ("clients/python/keyway/",)])
def test_class_names_are_unique(folders: tuple[str, ...]) -> None:
    """Tests import classes of the gateway and helpers side by side. The client library is a product of its own."""
    duplicates = {name: paths for name, paths in class_names(*folders).items() if len(paths) > 1}
    assert {name: paths for name, paths in duplicates.items() if name not in SYNC_AND_ASYNCIO} == {}


def test_functions_are_short() -> None:
    lengths = sorted(body_lines(function) for function in functions())
    assert statistics.median(lengths) <= MEDIAN_BODY
    assert lengths[int(len(lengths) * 0.9)] <= P90_BODY


def test_modules_of_the_gateway_have_no_import_cycles() -> None:
    graph = grimp.build_graph("gateway", cache_dir=None)
    upstream = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    while leaves := [module for module, imported in upstream.items() if not imported & upstream.keys()]:
        for module in leaves:
            del upstream[module]
    assert upstream == {}


def test_helpers_of_tests_are_in_tests_support() -> None:
    """Every other module of the tests is a test, a conftest, or part of a program with its own folder."""
    programs = ("tests/support/", "tests/bench/", "tests/clients/", "tests/contract/", "tests/bare/", "tests/fuzz/")
    others = [path for path in modules() if path.startswith("tests/") and not path.startswith(programs)]
    helpers = [path for path in others if not Path(path).name.startswith(("test_", "conftest.", "__init__."))]
    assert helpers == []


@pytest.mark.parametrize(
    ("functions", "module"),
    [
        # Channels that are opened elsewhere would use the proxies of the environment.
        (("insecure_channel", "secure_channel"), "gateway/grpc_channel.py"),
        # The rules of a context that is made elsewhere depend on the version of Python.
        (("create_default_context",), "gateway/tls_verification.py"),
    ],
)
def test_one_module_calls_a_function_with_unsuitable_defaults(functions: tuple[str, ...], module: str) -> None:
    callers = {
        path
        for path, tree in trees("gateway/").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in functions
    }
    assert callers == {module}
