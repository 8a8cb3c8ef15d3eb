"""The Dockerfile and .dockerignore parser of tests/container, which follows container engines or rejects the input."""

from pathlib import Path, PurePosixPath

import pytest

from tests.support.dockerfile import Copy, IgnoreRules, context_files, copy_of, key_values, read_stages

ROOT = Path(__file__).resolve().parents[2]


def dockerfile(folder: Path, text: str) -> Path:
    path = folder / "Dockerfile"
    path.write_text(text)
    return path


def test_stages_have_their_bases_and_steps(tmp_path: Path) -> None:
    text = "ARG BASE=python:3\nFROM ${BASE} AS build\nRUN one \\\n  # why\n  && two\nFROM ${BASE}\nUSER 1:1\n"
    build, final = read_stages(dockerfile(tmp_path, text))
    assert (build.name, build.base) == ("build", "python:3")
    assert [(step.name, " ".join(step.value.split()), step.line) for step in build.steps] == [("RUN", "one && two", 3)]
    assert (final.base, final.steps[0].value) == ("python:3", "1:1")


def test_variables_are_replaced(tmp_path: Path) -> None:
    ((step,),) = (stage.steps for stage in read_stages(dockerfile(tmp_path, 'FROM a\nENV PATH="/x:${PATH}" B=1\n')))
    assert key_values(step, {"PATH": "/bin"}) == {"PATH": "/x:/bin", "B": "1"}


@pytest.mark.parametrize("line", ["ADD a b", "ONBUILD RUN a", 'SHELL ["a"]'])
def test_unsupported_steps_are_rejected(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_stages(dockerfile(tmp_path, f"FROM a\n{line}\n"))


def test_copy_steps_are_parsed(tmp_path: Path) -> None:
    text = "FROM a\nCOPY --from=build /x /y\nCOPY a b c/\nCOPY --chown=1 a b\n"
    (stage,) = read_stages(dockerfile(tmp_path, text))
    from_stage, from_context, unknown = stage.steps
    assert copy_of(from_stage) == Copy("build", ("/x",), "/y")
    assert copy_of(from_context) == Copy(None, ("a", "b"), "c/")
    with pytest.raises(ValueError, match="line 4"):
        copy_of(unknown)


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        ("*", "a/b", True),
        ("*\n!a", "a/b", False),
        ("*\n!a/b", "a/c", True),
        ("*\n!a\n**/*.py[co]", "a/b/c.pyc", True),
        ("*\n!a\n**/__pycache__", "a/__pycache__/c.py", True),
        ("**/x", "x", True),
        ("# a\n\n", "a", False),
        ("a.b", "axb", False),
        ("a*", "b/a", False),
    ],
)
def test_last_matching_line_of_a_dockerignore_applies(rules: str, path: str, ignored: bool) -> None:
    assert IgnoreRules(rules).ignore(PurePosixPath(path)) is ignored


def test_build_context_has_the_files_of_the_image() -> None:
    names = {str(name) for name in context_files(ROOT)}
    single = {name for name in names if not name.startswith(("gateway/", "clients/python/keyway/"))}
    assert single == {
        "LICENSE",
        "NOTICE",
        "README.md",
        "clients/python/LICENSE",
        "clients/python/NOTICE",
        "clients/python/README.md",
        "clients/python/keyway-client.cdx.json",
        "clients/python/pyproject.toml",
        "deploy/sbom/keyway-gateway.cdx.json",
        "pyproject.toml",
        "requirements.lock",
    }
    assert "gateway/__main__.py" in names
    assert not [name for name in names if "__pycache__" in name]
