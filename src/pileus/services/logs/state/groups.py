"""Log groups: their making and end, retention, tags, and what their subscriptions are."""

from collections.abc import Iterator

from msgspec.structs import replace

from pileus.services.logs import errors
from pileus.services.logs.patterns import has_regex
from pileus.services.logs.state.records import (
    BATCHES,
    DAY_MS,
    GROUPS,
    REGEX_FILTERS_PER_GROUP,
    SIZES,
    STREAMS,
    SUBSCRIPTIONS_PER_GROUP,
    Batch,
    GroupSize,
    LogGroup,
    LogStream,
    Subscription,
    add_stored_bytes,
    require_group,
    stored_bytes,
)
from pileus.store.transaction import Transaction

GroupKey = tuple[str, str, str]

EXPIRY_ROWS = 10_000
"""Rows looked at in one transaction of the expiry."""


def create(tx: Transaction, key: GroupKey, *, log_group_class: str, tags: dict[str, str], is_protected: bool) -> None:
    if GROUPS.has(tx, *key):
        raise errors.ResourceAlreadyExistsException()
    group = LogGroup(*key, tx.next_sequence(), tx.now_ms, log_group_class, tags=tags, is_protected=is_protected)
    GROUPS.put(tx, group)
    SIZES.put(tx, GroupSize(group.id, 0))


def delete(tx: Transaction, key: GroupKey) -> None:
    """The group with its streams and events, however many there are."""
    group = require_group(tx, key)
    refuse_if_protected(group)
    GROUPS.delete(tx, *key)
    SIZES.delete(tx, group.id)
    STREAMS.delete_all(tx, group.id)
    BATCHES.delete_all(tx, group.id)
    tx.cancel_wake("logs.expire", str(group.id))


def refuse_if_protected(group: LogGroup) -> None:
    if group.is_protected:
        raise errors.ValidationException(
            f"The log group {group.name} can't be deleted because deletion protection is enabled."
        )


def protect(tx: Transaction, key: GroupKey, is_protected: bool) -> None:
    GROUPS.put(tx, replace(require_group(tx, key), is_protected=is_protected))


def find(
    tx: Transaction, account: str, region: str, *, prefix: str = "", after: str = ""
) -> Iterator[tuple[LogGroup, int]]:
    """Groups with their stored bytes, in the order of their names."""
    start = {"after": after} if after else {"start": prefix} if prefix else {}
    for group in GROUPS.scan(tx, account, region, **start):
        if not group.name.startswith(prefix):
            return
        yield group, stored_bytes(tx, group.id)


# Tags


def tag(tx: Transaction, key: GroupKey, tags: dict[str, str], *, max_tags: int) -> None:
    group = require_group(tx, key)
    together = {**group.tags, **tags}
    if len(together) > max_tags:
        raise errors.TooManyTagsException()
    GROUPS.put(tx, replace(group, tags=together))


def untag(tx: Transaction, key: GroupKey, names: list[str]) -> None:
    group = require_group(tx, key)
    GROUPS.put(tx, replace(group, tags={name: value for name, value in group.tags.items() if name not in names}))


# Retention


def set_retention(tx: Transaction, key: GroupKey, days: int) -> None:
    """0 days: for ever. Readers see what has expired no more from now on; the rows go in the background."""
    group = require_group(tx, key)
    GROUPS.put(tx, replace(group, retention_days=days))
    if days:
        tx.wake_at(tx.now_ms, "logs.expire", str(group.id))
    else:
        tx.cancel_wake("logs.expire", str(group.id))


def expire(tx: Transaction, key: str) -> None:
    """Timer: remove expired rows of the group, a bounded number at a time; come back daily.

    key  the group's id, and behind a "/" the name of the stream to go on with, which may have slashes itself
    AWS takes up to 72 hours for it. Source: API reference, PutRetentionPolicy
    """
    group_id, _, at_stream = key.partition("/")
    group = GROUPS.by_id.first(tx, int(group_id))
    if group is None or not group.retention_days:
        return
    room = EXPIRY_ROWS
    freed = 0
    for stream in STREAMS.scan(tx, group.id, **({"start": at_stream} if at_stream else {})):
        rows, stream_freed = _expire_stream(tx, group, stream, room)
        room -= rows + 1
        freed += stream_freed
        if room <= 0:
            # The same moment, another timer: other transitions go between.
            tx.wake_at(tx.now_ms, "logs.expire", f"{group_id}/{stream.name}")
            break
    if freed:
        add_stored_bytes(tx, group.id, -freed)
    if not at_stream:
        tx.wake_at(tx.now_ms + DAY_MS, "logs.expire", group_id)


def _expire_stream(tx: Transaction, group: LogGroup, stream: LogStream, room: int) -> tuple[int, int]:
    """How many rows went, at most `room`, and how many bytes."""
    expired_before_ms = group.expired_before_ms(tx.now_ms)
    # Whole rows only: what is left of the last one, a reader leaves out.
    gone: list[Batch] = []
    for batch in BATCHES.scan(tx, group.id, stream.id, until=expired_before_ms):
        if len(gone) == room:
            break
        if batch.last_ms < expired_before_ms:
            gone.append(batch)
    for batch in gone:
        BATCHES.delete(tx, group.id, stream.id, batch.first_ms, batch.sequence)
    return len(gone), sum(batch.stored_bytes for batch in gone)


# Subscriptions


def put_subscription(tx: Transaction, key: GroupKey, subscription: Subscription) -> None:
    """Make it, or replace the one of its name."""
    group = require_group(tx, key)
    old = next((each for each in group.subscriptions if each.name == subscription.name), None)
    others = [each for each in group.subscriptions if each is not old]
    if len(others) >= SUBSCRIPTIONS_PER_GROUP:
        raise errors.LimitExceededException()
    if sum(has_regex(each.pattern) for each in (*others, subscription)) > REGEX_FILTERS_PER_GROUP:
        raise errors.LimitExceededException()
    if old is not None:
        subscription = replace(subscription, created_ms=old.created_ms)
    together = sorted((*others, subscription), key=lambda each: each.name)
    GROUPS.put(tx, replace(group, subscriptions=tuple(together)))


def delete_subscription(tx: Transaction, key: GroupKey, name: str) -> None:
    group = require_group(tx, key)
    left = tuple(each for each in group.subscriptions if each.name != name)
    if len(left) == len(group.subscriptions):
        raise errors.SubscriptionFilterNotFound()
    GROUPS.put(tx, replace(group, subscriptions=left))
