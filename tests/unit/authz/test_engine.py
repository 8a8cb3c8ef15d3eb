"""The policy engine: the decision cache, and reloading of changed files."""

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
from tests.support.policies import ALICE, BOB, allowed, ask, group, member, settings
from tests.support.waiting import eventually

PERMIT = '@id("yes") permit(principal, action, resource);'
FORBID = '@id("no") forbid(principal, action, resource);'
MEMBERS = '@id("members") permit(principal in Keyway::Group::"g", action, resource);'


def replace(file: Path, text: str) -> None:
    """Replace a file by renaming a new one, as deployments do."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


class TestDecisionCache:
    def test_repeated_request_uses_the_cached_decision(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        first = ask(engine, ALICE, "Encrypt")
        assert ask(engine, ALICE, "Encrypt") is first
        assert engine.remembered == 1

    def test_cache_key_contains_caller_action_and_resource(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(
            settings(tmp_path, PERMIT.replace("resource)", 'resource) unless { principal.kind == "dns" }'))
        )
        ask(engine, ALICE, "Encrypt")
        ask(engine, BOB, "Encrypt")
        ask(engine, ALICE, "Decrypt")
        ask(engine, ALICE, "Encrypt", "providers/p/keys/other")
        assert engine.remembered == 4

    def test_cache_key_contains_the_claims_of_a_token(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(
            settings(tmp_path, PERMIT.replace("resource)", 'resource) when { principal.scopes.contains("s") }', 1))
        )
        assert allowed(engine, Caller("1", "jwt", "i", (), ("s",)), "Encrypt")
        assert not allowed(engine, Caller("1", "jwt", "i", (), ()), "Encrypt")

    def test_cache_is_bounded(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, PERMIT, decision_cache=10))
        used = ask(engine, ALICE, "Encrypt")
        for index in range(50):
            ask(engine, ALICE, "Encrypt", f"providers/p/keys/{index}")
            assert ask(engine, ALICE, "Encrypt") is used
        assert engine.remembered == 10


class TestReload:
    async def test_change_invalidates_cached_decisions(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        assert allowed(engine, ALICE, "Encrypt")
        replace(tmp_path / "0.cedar", FORBID)
        assert await engine.refresh()
        assert not allowed(engine, ALICE, "Encrypt")
        assert ask(engine, ALICE, "Encrypt").policies == ("no",)

    async def test_change_of_the_entities_file_is_loaded(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, MEMBERS, entities=[group("g")]))
        assert not allowed(engine, ALICE, "Encrypt")
        settings(tmp_path, MEMBERS, entities=[group("g"), member(ALICE.name, "g")])
        assert await engine.refresh()
        assert allowed(engine, ALICE, "Encrypt")

    async def test_refresh_without_a_change_keeps_the_cache(self, tmp_path: Path) -> None:
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))

        async def old_enough() -> bool:
            """Return whether the change is old enough: a file that changed a moment ago is read once more."""
            return not await engine.refresh()

        await eventually(old_enough)
        decision = ask(engine, ALICE, "Encrypt")
        assert not await engine.refresh()
        assert ask(engine, ALICE, "Encrypt") is decision

    @pytest.mark.parametrize("broken", ["permit(;", PERMIT.replace("action", 'action == Keyway::Action::"No"'), None])
    async def test_invalid_change_keeps_the_previous_policies(self, tmp_path: Path, broken: str | None) -> None:
        engine = PolicyEngine.load(settings(tmp_path, MEMBERS, PERMIT, entities=[group("g")]))
        file = tmp_path / "1.cedar"
        replace(file, broken) if broken is not None else file.unlink()
        with capture_logs() as logs:
            assert not await engine.refresh()
        assert allowed(engine, ALICE, "Encrypt")
        (line,) = [entry for entry in logs if entry["log_level"] == "error"]
        assert "1.cedar" in line["error"][0]
        replace(file, FORBID)
        assert await engine.refresh()
        assert not allowed(engine, ALICE, "Encrypt")

    @pytest.mark.parametrize("fault", [ConfigError("policy: 0.cedar: cannot be read"), KeyError("annotations")])
    async def test_failed_reload_is_retried_without_another_change(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
    ) -> None:
        """Neither a temporary read error nor an unexpected exception ends the reloading."""
        monkeypatch.setattr(engine_module, "CHECK_SECONDS", 0.001)
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        # More failures than the checks for which a recent change still counts as changed.
        load, failures = policies.load, [fault] * 30

        def failing(some: PolicySettings) -> Policies:
            if failures:
                raise failures.pop()
            return load(some)

        monkeypatch.setattr(policies, "load", failing)
        replace(tmp_path / "0.cedar", FORBID)
        follower = asyncio.create_task(engine.follow())

        async def followed() -> bool:
            return not allowed(engine, ALICE, "Encrypt")

        with capture_logs() as logs:
            await eventually(followed)
        follower.cancel()
        assert [entry["log_level"] for entry in logs if entry["log_level"] != "info"] == ["error"]

    async def test_valid_file_waits_for_the_invalid_one(self, tmp_path: Path) -> None:
        """A change takes effect only when all files are valid."""
        engine = PolicyEngine.load(settings(tmp_path, PERMIT, MEMBERS))
        replace(tmp_path / "0.cedar", FORBID)
        replace(tmp_path / "1.cedar", "permit")
        assert not await engine.refresh()
        assert allowed(engine, ALICE, "Encrypt")

    async def test_follow_reloads_changed_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine_module, "CHECK_SECONDS", 0.01)
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        follower = asyncio.create_task(engine.follow())
        replace(tmp_path / "0.cedar", FORBID)

        async def followed() -> bool:
            return not allowed(engine, ALICE, "Encrypt")

        await eventually(followed)
        follower.cancel()

    async def test_file_that_is_being_written_is_not_loaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first half of the file permits what its second half forbids."""
        monkeypatch.setattr(engine_module, "CHECK_SECONDS", 0.001)
        engine = PolicyEngine.load(settings(tmp_path, FORBID))
        parts = [PERMIT, *["\n// more"] * 5, f"\n{FORBID}"]
        written: list[str] = []

        class WrittenMeanwhile(WatchedFiles):
            """Each check happens between two writes."""

            def changed(self, *, now: bool = False) -> bool:
                assert ask(engine, ALICE, "Encrypt").policies == ("no",)
                if len(written) < len(parts):
                    written.append(parts[len(written)])
                    (tmp_path / "0.cedar").write_text("".join(written))
                return super().changed(now=now)

        monkeypatch.setattr(engine, "_files", WrittenMeanwhile([tmp_path / "0.cedar"]))
        follower = asyncio.create_task(engine.follow())

        async def followed() -> bool:
            return len(engine.policies.policies) == 2

        await eventually(followed)
        follower.cancel()

    async def test_files_that_keep_changing_are_loaded_anyway(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_module, "CHECK_SECONDS", 0.001)
        engine = PolicyEngine.load(settings(tmp_path, PERMIT))
        follower = asyncio.create_task(engine.follow())

        async def followed() -> bool:
            replace(tmp_path / "0.cedar", FORBID)
            return not allowed(engine, ALICE, "Encrypt")

        await eventually(followed)
        follower.cancel()

    def test_invalid_file_prevents_startup(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"policy: 0\.cedar:1: "):
            PolicyEngine.load(settings(tmp_path, "permit(;"))
