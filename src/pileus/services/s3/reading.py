"""Bodies on their way out: a stretch of a version's, opened with its customer's key where it has one."""

from collections.abc import AsyncIterator

from pileus.kernel.call import Call
from pileus.kernel.http import FilePart
from pileus.services.s3.answers import Range
from pileus.services.s3.customer_keys import CustomerKey
from pileus.services.s3.state.records import LAYOUTS, Version
from pileus.store import blobs
from pileus.store.blobs import INLINE_MAX_BYTES
from pileus.store.sealing import Sealed, sealed_parts, unsealed
from pileus.store.transaction import Transaction


async def body_of(
    call: Call, version: Version, wanted: Range, key: CustomerKey | None
) -> bytes | FilePart | AsyncIterator[bytes]:
    """What GetObject answers. A short one is opened before the answer begins, so that what is broken is an error."""
    if not wanted.length:
        return b""
    if key is None:
        return call.cloud.blobs.body(await call.read(_parts, call.cloud.blobs, version.body, wanted))
    pieces = await stream(call, version, wanted, key)
    return b"".join([piece async for piece in pieces]) if wanted.length <= INLINE_MAX_BYTES else pieces


async def stream(call: Call, version: Version, wanted: Range, key: CustomerKey | None) -> AsyncIterator[bytes]:
    """The same bytes, for those who go through them here. From now on they stay, whatever becomes of the version."""
    if key is None:
        parts = await call.read(_parts, call.cloud.blobs, version.body, wanted) if wanted.length else []
        return call.cloud.blobs.stream(parts)
    sealed = await call.read(_sealed, call.cloud.blobs, version, wanted)
    return unsealed(call.cloud.blobs, sealed, key.secret)


def _parts(tx: Transaction, store: blobs.Blobs, body: str, wanted: Range) -> list:
    return store.parts(tx, body, wanted.start, wanted.length)


def _sealed(tx: Transaction, store: blobs.Blobs, version: Version, wanted: Range) -> Sealed:
    """Each part of an upload is sealed by itself."""
    sizes = [part.size for part in LAYOUTS.get(tx, version.body).parts] if version.parts else [version.size]
    return sealed_parts(tx, store, version.body, sizes, wanted.start, wanted.length)
