"""Transitions alone, on the memory store."""

import pytest

from pileus.kernel.clock import Clock
from pileus.kernel.errors import AwsError
from pileus.kernel.ids import Ids
from pileus.services.lambda_.names import FunctionRef
from pileus.services.lambda_.state import ASYNC_EVENTS, CODES, Code, Configuration
from pileus.services.lambda_.transitions import aliases, codes, events, functions, permissions
from pileus.store.blob_writer import Blob
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store

REF = FunctionRef("000000000000", "us-east-1", "echo")
CODE = Code("ab" * 32, "blob-1", 100, 200)
BLOB = Blob("blob-1", 100, {}, b"z" * 100)
CONFIGURATION = Configuration("python3.11", "arn:aws:iam::000000000000:role/r", "index.handler", "ab" * 32, 100, 200)


@pytest.fixture
async def store():
    store = Store(MemoryEngine(), Clock(frozen_at_ms=1_767_225_600_000), Ids(seed=1))
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
async def latest(store):
    await store.write(functions.create_function, REF, CONFIGURATION, CODE, BLOB, {})
    return await _prepared(store, 0)


async def _prepared(store, number):
    version = store.look(functions.find_version, *REF.key, number)[0]
    await store.write(functions.prepared, version, None)
    return store.look(functions.find_version, *REF.key, number)[0]


async def _publish(store):
    version = await store.write(functions.publish, REF)
    await _prepared(store, version.number)
    return version


async def _change(store, **changes):
    await store.write(functions.update_function, REF, changes)
    return await _prepared(store, 0)


def _qualified(qualifier):
    return REF._replace(qualifier=qualifier)


async def test_a_function_is_pending_until_its_files_are_ready(store):
    made = await store.write(functions.create_function, REF, CONFIGURATION, CODE, BLOB, {})
    assert (made.state, made.state_reason_code) == ("Pending", "Creating")
    assert (await _prepared(store, 0)).state == "Active"


async def test_a_function_whose_files_cannot_be_made_ready_has_failed(store):
    made = await store.write(functions.create_function, REF, CONFIGURATION, CODE, BLOB, {})
    await store.write(functions.prepared, made, "the zip is gone")
    failed = store.look(functions.find_version, *REF.key, 0)[0]
    assert (failed.state, failed.state_reason) == ("Failed", "the zip is gone")


async def test_what_was_prepared_for_an_earlier_revision_changes_nothing(store, latest):
    changed = await store.write(functions.update_function, REF, {"timeout_s": 9})
    await store.write(functions.prepared, latest, None)
    assert store.look(functions.find_version, *REF.key, 0)[0].update_status == "InProgress"
    await store.write(functions.prepared, changed, None)
    assert store.look(functions.find_version, *REF.key, 0)[0].update_status == "Successful"


async def test_a_second_change_waits_for_the_first(store, latest):
    await store.write(functions.update_function, REF, {"timeout_s": 9})
    with pytest.raises(AwsError, match="An update is in progress"):
        await store.write(functions.update_function, REF, {"timeout_s": 10})


async def test_a_change_with_an_old_revision_is_refused_and_with_the_current_one_done(store, latest):
    with pytest.raises(AwsError, match="PreconditionFailedException"):
        await store.write(functions.update_function, REF, {"timeout_s": 9}, revision_id="old")
    changed = await store.write(functions.update_function, REF, {"timeout_s": 9}, revision_id=latest.revision_id)
    assert changed.configuration.timeout_s == 9
    assert changed.environment_key != latest.environment_key


async def test_publishing_makes_a_version_only_if_something_changed(store, latest):
    assert (await _publish(store)).number == 1
    assert (await _publish(store)).number == 1
    await _change(store, memory_mib=256)
    assert (await _publish(store)).number == 2


async def test_a_function_is_made_or_changed_and_published_in_one_commit(store):
    first = await store.write(functions.create_function, REF, CONFIGURATION, CODE, BLOB, {}, and_publish=True)
    assert (first.number, store.applied) == (1, 1)
    await _prepared(store, 0)
    before = store.applied
    second = await store.write(functions.update_function, REF, {"timeout_s": 9}, and_publish=True)
    assert (second.number, second.configuration.timeout_s, store.applied) == (2, 9, before + 1)


async def test_numbers_of_deleted_versions_are_not_given_again(store, latest):
    await _publish(store)
    await store.write(functions.delete_version, _qualified("1"))
    await _change(store, memory_mib=256)
    assert (await _publish(store)).number == 2


async def test_code_stays_while_a_version_uses_it_and_goes_with_the_last(store, latest):
    await _publish(store)
    other = Code("cd" * 32, "blob-2", 10, 20)
    await store.write(functions.update_function, REF, {}, code=other, blob=Blob("blob-2", 10, {}, b"y" * 10))
    assert store.look(CODES.get, CODE.digest)[0].references == 1
    await store.write(functions.delete_version, _qualified("1"))
    assert store.look(CODES.get, CODE.digest)[0] is None
    assert store.look(codes.usage, *REF.key[:2])[0].code_bytes == 10


async def test_deleting_a_function_leaves_nothing(store, latest):
    await _publish(store)
    await store.write(aliases.create_alias, _qualified("live"), "1", {}, "")
    await store.write(functions.delete_function, REF)
    used = store.look(codes.usage, *REF.key[:2])[0]
    assert (used.functions, used.code_bytes) == (0, 0)
    with pytest.raises(AwsError, match="Function not found"):
        store.look(functions.require_version, _qualified("live"))


@pytest.mark.parametrize(("share", "served"), [(0.0, "2"), (0.2499, "2"), (0.25, "1"), (0.9999, "1")])
async def test_an_alias_sends_its_weight_to_the_additional_version(store, latest, share, served):
    await _publish(store)
    await _change(store, memory_mib=256)
    await _publish(store)
    await store.write(aliases.create_alias, _qualified("live"), "1", {"2": 0.25}, "")
    assert store.look(functions.choose_version, _qualified("live"), share)[0][0].label == served


async def test_a_version_that_an_alias_points_to_cannot_be_deleted(store, latest):
    await _publish(store)
    await store.write(aliases.create_alias, _qualified("live"), "1", {}, "")
    with pytest.raises(AwsError, match="aliases reference it: \\[live\\]"):
        await store.write(functions.delete_version, _qualified("1"))


async def test_the_latest_version_shares_no_alias(store, latest):
    await _publish(store)
    with pytest.raises(AwsError, match="not supported for an alias pointing to more than 1 version"):
        await store.write(aliases.create_alias, _qualified("live"), "$LATEST", {"1": 0.5}, "")


@pytest.mark.parametrize(("reserved", "is_taken"), [(900, True), (901, False)])
async def test_a_hundred_are_left_for_functions_without_a_reservation(store, latest, reserved, is_taken):
    if is_taken:
        await store.write(functions.reserve_concurrency, REF, reserved)
        assert store.look(codes.usage, *REF.key[:2])[0].reserved_concurrency == reserved
    else:
        with pytest.raises(AwsError, match="below its minimum value of \\[100\\]"):
            await store.write(functions.reserve_concurrency, REF, reserved)


async def test_a_policy_has_its_limit(store, latest):
    def statement(sid, size):
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": "*",
            "Action": "lambda:InvokeFunction",
            "Resource": "x" * size,
        }

    empty = len(permissions.document((statement("a", 0),)))
    with pytest.raises(AwsError, match=r"20481.*bigger than the limit"):
        await store.write(permissions.add_permission, REF, statement("a", 20_481 - empty), None)
    await store.write(permissions.add_permission, REF, statement("a", 20_480 - empty), None)


async def test_a_finished_event_is_gone_and_its_reports_go_out_once(store, latest):
    await store.write(events.accept_event, REF, "request", b"{}")
    (event,) = store.look(lambda tx: list(ASYNC_EVENTS.scan(tx)))[0]
    emitted = []
    store.on_commit.append(lambda tx: emitted.extend(event.kind for event in tx.emitted))
    await store.write(events.finish_event, event.id, [{"target": "x"}])
    await store.write(events.finish_event, event.id, [{"target": "x"}])
    assert emitted == [events.DELIVER]
