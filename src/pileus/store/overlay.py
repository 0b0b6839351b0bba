"""Changes laid over stored rows: a transaction's own over the engine's, or the undone ones over the disk's."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

Rows = Iterator[tuple[bytes, bytes]]
_key_of = itemgetter(0)


def overlaid(
    stored: Rows,
    changes: Mapping[bytes, bytes | None],
    ranges: Sequence[tuple[bytes, bytes]],
    start: bytes,
    end: bytes,
    reverse: bool,
) -> Rows:
    """The rows from `start` to `end` with `ranges` deleted and then `changes` made, as both are now."""
    changed = {key: value for key, value in changes.items() if start <= key < end}
    deleted = [(low, high) for low, high in ranges if low < end and high > start]
    if not changed and not deleted:
        return stored
    own = sorted(((key, value) for key, value in changed.items() if value is not None), reverse=reverse)
    kept = (row for row in stored if row[0] not in changed and not any(low <= row[0] < high for low, high in deleted))
    if not own:
        return kept
    return heapq.merge(kept, own, key=_key_of, reverse=reverse)
