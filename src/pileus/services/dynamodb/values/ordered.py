"""Key values as bytes that sort as AWS sorts them: strings by UTF-8 bytes, numbers by value, binaries by byte.

The bytes begin with the type ("S", "N", "B") and are self-delimiting: those of a sort key may follow those of a
partition key. In texts and binaries a zero byte is doubled as 00 FF and 00 00 closes, so a text sorts before those it
begins.
Source: DynamoDB developer guide, "Supported data types and naming rules"; API reference, Query, ScanIndexForward.
"""

from pileus.services.dynamodb.values.numbers import sortable

_END = b"\0\0"


def key_bytes(value: dict) -> bytes:
    """The sortable, self-delimiting bytes of an S, N or B."""
    if "S" in value:
        return b"S" + value["S"].encode().replace(b"\0", b"\0\xff") + _END
    if "N" in value:
        return b"N" + sortable(value["N"])
    if "B" in value:
        return b"B" + value["B"].replace(b"\0", b"\0\xff") + _END
    raise AssertionError(f"{next(iter(value))} is no key type")


def prefix_bytes(value: dict) -> bytes:
    """What the bytes of all keys begin with that begin with `value`, an S or B."""
    (kind,) = value
    assert kind in ("S", "B")
    return key_bytes(value)[: -len(_END)]
