"""The engine remembers decisions, a bounded number of them, and follows its files."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.authz import engine as engine_module
from gateway.authz import policies
from gateway.authz.engine import PolicyEngine
from gateway.authz.policies import Policies
from gateway.authz.settings import PolicySettings
from gateway.config.base import ConfigError
from gateway.config.file_watcher import WatchedFiles
from gateway.identity.caller import Caller
from tests.support.waiting import eventually
from tests.unit.authz.support import ALICE, BOB, allowed, ask, group, member, settings

PERMIT = '@id("yes") permit(principal, action, resource);'
FORBID = '@id("no") forbid(principal, action, resource);'
MEMBERS = '@id("members") permit(principal in Keyway::Group::"g", action, resource);'


def replace(file: Path, text: str) -> None:
    """As deployments do it: another file takes the place of the old one."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


class TestMemory:
    def test_a_decision_is_made_once(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        first = ask(engine, ALICE, "Encrypt")
        assert ask(engine, ALICE, "Encrypt") is first
        assert engine.remembered == 1

    def test_by_caller_action_and_resource(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(
            settings(tmp_path, PERMIT.replace("resource)", 'resource) unless { principal.kind == "dns" }'))
        )
        ask(engine, ALICE, "Encrypt")
        ask(engine, BOB, "Encrypt")
        ask(engine, ALICE, "Decrypt")
        ask(engine, ALICE, "Encrypt", "providers/p/keys/other")
        assert engine.remembered == 4

    def test_what_a_token_says_is_part_of_the_caller(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(
            settings(tmp_path, PERMIT.replace("resource)", 'resource) when { principal.scopes.contains("s") }', 1))
        )
        assert allowed(engine, Caller("1", "jwt", "i", (), ("s",)), "Encrypt")
        assert not allowed(engine, Caller("1", "jwt", "i", (), ()), "Encrypt")

    def test_it_is_bounded(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, PERMIT, decision_cache=10))
        used = ask(engine, ALICE, "Encrypt")
        for index in range(50):
            ask(engine, ALICE, "Encrypt", f"providers/p/keys/{index}")
            assert ask(engine, ALICE, "Encrypt") is used
        assert engine.remembered == 10


class TestFollowing:
    async def test_a_change_counts_at_once_also_for_what_was_decided(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        assert allowed(engine, ALICE, "Encrypt")
        replace(tmp_path / "0.cedar", FORBID)
        assert await engine.refresh()
        assert not allowed(engine, ALICE, "Encrypt")
        assert ask(engine, ALICE, "Encrypt").policies == ("no",)

    async def test_the_entities_file_is_followed(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, MEMBERS, entities=[group("g")]))
        assert not allowed(engine, ALICE, "Encrypt")
        settings(tmp_path, MEMBERS, entities=[group("g"), member(ALICE.name, "g")])
        assert await engine.refresh()
        assert allowed(engine, ALICE, "Encrypt")

    async def test_nothing_new_keeps_what_is_remembered(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))

        async def old_enough() -> bool:
            """A file that is only a moment old is read again to be sure."""
            return not await engine.refresh()

        await eventually(old_enough)
        decision = ask(engine, ALICE, "Encrypt")
        assert not await engine.refresh()
        assert ask(engine, ALICE, "Encrypt") is decision

    @pytest.mark.parametrize("broken", ["permit(;", PERMIT.replace("action", 'action == Keyway::Action::"No"'), None])
    async def test_a_broken_change_keeps_what_was_there(self, tmp_path: Path, broken: str | None) -> None:
        engine = PolicyEngine.load(settings(tmp_path, MEMBERS, PERMIT, entities=[group("g")]))
        file = tmp_path / "1.cedar"
        replace(file, broken) if broken is not None else file.unlink()
        with capture_logs() as logs:
            assert not await engine.refresh()
        assert allowed(engine, ALICE, "Encrypt")
        (line,) = [entry for entry in logs if entry["log_level"] == "error"]
        assert "1.cedar" in line["faults"][0]
        replace(file, FORBID)
        assert await engine.refresh()
        assert not allowed(engine, ALICE, "Encrypt")

    @pytest.mark.parametrize("fault", [ConfigError("policy: 0.cedar: can't be read"), KeyError("annotations")])
    async def test_what_fails_once_is_tried_again_without_another_change(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
    ) -> None:
        """A disk that fails for a moment; and a bug of ours, or of Cedar's, does not end the following."""
        monkeypatch.setattr(engine_module, "LOOK_SECONDS", 0.001)
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        # For longer than a change is told twice for being fresh.
        load, failures = policies.load, [fault] * 30

        def failing(some: PolicySettings) -> Policies:
            if failures:
                raise failures.pop()
            return load(some)

        monkeypatch.setattr(policies, "load", failing)
        replace(tmp_path / "0.cedar", FORBID)
        following = asyncio.create_task(engine.follow())

        async def followed() -> bool:
            return not allowed(engine, ALICE, "Encrypt")

        with capture_logs() as logs:
            await eventually(followed)
        following.cancel()
        assert [entry["log_level"] for entry in logs if entry["log_level"] != "info"] == ["error"]

    async def test_half_of_a_change_is_none(self, tmp_path: Path) -> None:
        """A good file beside a broken one waits until both are good."""
        engine = PolicyEngine.load(settings(tmp_path, PERMIT, MEMBERS))
        replace(tmp_path / "0.cedar", FORBID)
        replace(tmp_path / "1.cedar", "permit")
        assert not await engine.refresh()
        assert allowed(engine, ALICE, "Encrypt")

    async def test_by_itself(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine_module, "LOOK_SECONDS", 0.01)
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        following = asyncio.create_task(engine.follow())
        replace(tmp_path / "0.cedar", FORBID)

        async def followed() -> bool:
            return not allowed(engine, ALICE, "Encrypt")

        await eventually(followed)
        following.cancel()

    async def test_a_file_that_is_being_written_is_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its first half would permit what its second forbids."""
        monkeypatch.setattr(engine_module, "LOOK_SECONDS", 0.001)
        engine = PolicyEngine.load(settings(tmp_path, FORBID))
        parts = [PERMIT, *["\n// more"] * 5, f"\n{FORBID}"]
        written: list[str] = []

        class WrittenMeanwhile(WatchedFiles):
            """Each look comes between two writes."""

            def changed(self, *, now: bool = False) -> bool:
                assert ask(engine, ALICE, "Encrypt").policies == ("no",)
                if len(written) < len(parts):
                    written.append(parts[len(written)])
                    (tmp_path / "0.cedar").write_text("".join(written))
                return super().changed(now=now)

        monkeypatch.setattr(engine, "_files", WrittenMeanwhile([tmp_path / "0.cedar"]))
        following = asyncio.create_task(engine.follow())

        async def followed() -> bool:
            return len(engine.policies.policies) == 2

        await eventually(followed)
        following.cancel()

    async def test_files_that_are_never_still_are_read_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_module, "LOOK_SECONDS", 0.001)
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        following = asyncio.create_task(engine.follow())

        async def followed() -> bool:
            replace(tmp_path / "0.cedar", FORBID)
            return not allowed(engine, ALICE, "Encrypt")

        await eventually(followed)
        following.cancel()

    def test_a_broken_file_stops_the_start(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"policy: 0\.cedar:1: "):
            PolicyEngine.load(settings(tmp_path, "permit(;"))
