"""The KMS v2 plugin at its Unix socket: key IDs, rotation, failing upstreams, foreign ciphertexts, and limits."""

import pytest

from gateway.config.base import ConfigError
from gateway.surfaces.kms.key_versions import key_id
from keyway.envelope import AsyncOpener
from keyway.envelope.header import MAGIC
from tests.support.kms_plugin import API_SERVER, CLUSTER, KEY, KmsClient, KmsScene
from tests.support.stack import KEY_MANAGER
from tests.support.waiting import eventually

SEED = bytes(range(32))
CREATE = "create-local-key"
FAILING = {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
"""The statuses of a failing upstream. The second one means that the plugin retried until its time limit."""


async def requests(scene: KmsScene, path: str) -> int:
    """Return the number of requests that the upstream received."""
    return sum(path in each["target"] for each in await scene.stack.controls[KEY_MANAGER].requests())


async def test_ciphertext_is_a_small_envelope_that_the_plugin_opens(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin() as client:
        status = await client.status()
        made = await client.encrypt(SEED)
        assert await client.decrypt(made.ciphertext, made.key_id) == SEED
    assert made.key_id == status == key_id(CLUSTER, KEY, 0)
    assert KEY not in status
    assert made.ciphertext.startswith(MAGIC)
    assert len(made.ciphertext) <= 1024
    assert SEED not in made.ciphertext


async def test_calls_are_audited_with_identity_uid_and_surface(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin() as client:
        made = await client.encrypt(SEED)
        await client.decrypt(made.ciphertext, uid="4f7c-uid")
    decrypted = [
        event
        for event in scene.outcomes("Decrypt")
        if any(each["value"] == "4f7c-uid" for each in event.get("observables", ()))
    ]
    assert [event["actor"]["user"]["uid"] for event in decrypted] == [API_SERVER]
    events = scene.outcomes("GenerateDataKey") + scene.outcomes("Decrypt")
    assert {event["actor"]["user"]["uid"] for event in events} == {API_SERVER}
    assert all(event["unmapped"]["surface"] == {"name": "kms-v2", "stated_by_caller": True} for event in events)


async def test_client_library_opens_a_ciphertext_for_a_recovery(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin() as client:
        made = await client.encrypt(SEED)
        async with scene.operator() as operator:
            assert await AsyncOpener(operator.keys, [KEY]).open(made.ciphertext, CLUSTER.encode()) == SEED


async def test_rotation_is_visible_at_the_next_poll_and_both_versions_are_readable(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin() as client:
        first = await client.encrypt(SEED)
        assert await client.status() == first.key_id
        await scene.rotate_key()
        assert await client.status() == key_id(CLUSTER, KEY, 1)
        second = await client.encrypt(SEED)
        assert second.key_id == key_id(CLUSTER, KEY, 1) != first.key_id
        for each in (first, second):
            assert await client.decrypt(each.ciphertext, each.key_id) == SEED


async def test_two_plugins_have_the_same_key_id_and_open_the_ciphertexts_of_each_other(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin("one") as one, scene.plugin("two") as two:
        assert await one.status() == await two.status()
        await scene.rotate_key()
        made = await one.encrypt(SEED)
        assert await two.decrypt(made.ciphertext) == SEED
        assert await one.status() == await two.status() == key_id(CLUSTER, KEY, 1)


async def test_status_and_encrypt_fail_while_the_upstream_fails_and_recover(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin() as client:
        made = await client.encrypt(SEED)
        await scene.break_upstream()
        assert (await client.failure(client.status()))[0] in FAILING
        assert (await client.failure(client.encrypt(SEED)))[0] in FAILING
        assert (await client.failure(client.decrypt(made.ciphertext)))[0] in FAILING
        await scene.repair_upstream()
        assert (await client.encrypt(SEED)).key_id == made.key_id == await client.status()
        assert await client.decrypt(made.ciphertext) == SEED


async def test_status_fails_if_the_key_encrypts_but_does_not_decrypt(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin() as client:
        await client.status()
        await scene.break_upstream("symmetric-keys/.*/decrypt")
        assert (await client.failure(client.status()))[0] in FAILING


async def test_plugin_starts_without_the_gateway_and_uses_it_when_it_runs(scene: KmsScene) -> None:
    async with scene.plugin() as client:
        assert (await client.failure(client.status()))[0] == "UNAVAILABLE"
        async with scene.gateway():
            await eventually(lambda: is_usable(client))


async def is_usable(client: KmsClient) -> bool:
    """Return whether a poll succeeds."""
    try:
        await client.status()
    except Exception:  # noqa: BLE001 - the caller waits for a success
        return False
    return True


async def test_modified_and_foreign_ciphertexts_are_rejected(scene: KmsScene) -> None:
    await scene.create_key("other-key")
    async with (
        scene.gateway(),
        scene.plugin() as client,
        scene.plugin("other-cluster", cluster="cluster-2") as other_cluster,
    ):
        made = (await client.encrypt(SEED)).ciphertext
        modified = [bytes((*made[:at], made[at] ^ 1, *made[at + 1 :])) for at in range(0, len(made), 7)]
        foreign = (await other_cluster.encrypt(SEED)).ciphertext
        other_key = made.replace(KEY.encode(), KEY.replace("cluster-key", "another-key").encode())
        for ciphertext in (*modified, made[:-1], b"", b"KWE1", bytes(2000), foreign, other_key):
            assert (await client.failure(client.decrypt(ciphertext)))[0] == "INVALID_ARGUMENT"
        assert (await client.failure(other_cluster.decrypt(made)))[0] == "INVALID_ARGUMENT"
        assert await client.decrypt(made) == SEED


async def test_data_key_is_used_within_its_limits(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin(data_key_uses=3) as client:
        await scene.stack.controls[KEY_MANAGER].forget_requests()
        for _ in range(7):
            await client.encrypt(SEED)
        # The first three use the data key of the start.
        assert await requests(scene, CREATE) == 2
    async with scene.gateway(), scene.plugin(data_key_seconds=1) as client:

        async def is_renewed() -> bool:
            await client.encrypt(SEED)
            return await requests(scene, CREATE) >= 4

        await eventually(is_renewed)


async def test_older_key_version_is_rejected_also_after_a_restart(scene: KmsScene) -> None:
    await scene.rotate_key()
    async with scene.gateway():
        async with scene.plugin() as client:
            assert await client.status() == key_id(CLUSTER, KEY, 1)
        await scene.stack.controls[KEY_MANAGER].reset()
        await scene.create_key()
        async with scene.plugin() as client:
            code, message = await client.failure(client.status())
            assert code == "FAILED_PRECONDITION"
            assert "key version 0, but version 1 or higher" in message
            await scene.rotate_key()
            assert await client.status() == key_id(CLUSTER, KEY, 1)


async def test_caller_without_permission_is_told_so(scene: KmsScene) -> None:
    scene.issue_certificate("spiffe://example.org/unauthorized")
    async with scene.gateway(), scene.plugin() as client:
        code, message = await client.failure(client.status())
    assert code == "PERMISSION_DENIED"
    assert "GenerateDataKey" in message


async def test_renewed_client_certificate_is_used_without_a_restart(scene: KmsScene) -> None:
    scene.issue_certificate("spiffe://example.org/unauthorized")
    async with scene.gateway(), scene.plugin() as client:
        assert (await client.failure(client.status()))[0] == "PERMISSION_DENIED"
        scene.issue_certificate()
        await eventually(lambda: is_usable(client))


async def test_plaintexts_and_ids_beyond_the_limits_are_rejected(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin() as client:
        await client.status()
        code, message = await client.failure(client.encrypt(bytes(1024)))
        assert (code, message.partition(":")[0]) == ("INVALID_ARGUMENT", "plaintext")
        largest = int(message.partition("at most ")[2].partition(" ")[0])
        made = await client.encrypt(bytes(largest))
        assert len(made.ciphertext) == 1024
        for uid in ("x" * 129, "é"):
            code, message = await client.failure(client.decrypt(made.ciphertext, uid=uid))
            assert (code, message.partition(":")[0]) == ("INVALID_ARGUMENT", "uid")


async def test_key_name_with_too_large_ciphertexts_is_rejected_at_the_start(scene: KmsScene) -> None:
    prefix = "providers/nhn-keys/keys/"
    with pytest.raises(ConfigError, match="key: must have at most 888 bytes"):
        async with scene.plugin(key=prefix + "k" * (889 - len(prefix))):
            pass
    name = "k" * (888 - len(prefix))
    await scene.create_key(name)
    scene.permit(prefix + name)
    async with scene.gateway():
        with pytest.raises(ConfigError, match="ciphertexts would have 1044 bytes"):
            async with scene.plugin(key=prefix + name):
                pass


async def test_previous_key_only_opens(scene: KmsScene) -> None:
    await scene.create_key("new-key")
    new = KEY.replace("cluster-key", "new-key")
    scene.permit(new)
    async with scene.gateway():
        async with scene.plugin("old") as client:
            made = await client.encrypt(SEED)
        async with scene.plugin("new", key=new, previous_keys=[KEY]) as client:
            assert await client.status() == key_id(CLUSTER, new, 0)
            assert await client.decrypt(made.ciphertext) == SEED
            assert new.encode() in (await client.encrypt(SEED)).ciphertext


async def test_second_plugin_does_not_take_the_socket_of_a_running_one(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin() as client:
        with pytest.raises(ConfigError, match="another process serves this socket"):
            async with scene.plugin():
                raise AssertionError("the second plugin started")
        assert await client.status()
    async with scene.gateway(), scene.plugin() as client:
        assert await client.status()


async def test_metrics_address_that_is_in_use_is_named(scene: KmsScene) -> None:
    async with scene.gateway():
        with pytest.raises(ConfigError, match=f"metrics_listen: cannot listen on {scene.address}: "):
            async with scene.plugin(metrics_listen=scene.address):
                raise AssertionError("the plugin started")
