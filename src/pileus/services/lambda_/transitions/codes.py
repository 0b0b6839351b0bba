"""Code by its digest: kept while a version or a layer uses it."""

from msgspec.structs import replace

from pileus.services.lambda_ import errors
from pileus.services.lambda_.state import CODE_STORAGE_LIMIT_BYTES, CODES, SECRETS, USAGES, Code, Secret, Usage
from pileus.store.blobs import Blob, adopt, drop_reference
from pileus.store.transaction import Transaction

UNUSED_CODE = "lambda.unused-code"
"""Event: the unpacked files of a digest may go, if nothing uses it by then."""

KEEP_FILES_MS = 960_000
"""Invocations that run on deleted code end within the longest timeout, fifteen minutes."""


def use_code(tx: Transaction, account: str, region: str, code: Code, blob: Blob | None = None) -> None:
    """Count one more use of `code`; `blob` holds its bytes where it may be new.

    errors   CodeStorageExceededException
    """
    known = CODES.get(tx, code.digest)
    if known is None:
        assert blob is not None, "code that nobody keeps has to bring its bytes"
        adopt(tx, blob)
        known = replace(code, blob_id=blob.id, references=0)
    CODES.put(tx, replace(known, references=known.references + 1))
    total_bytes = usage(tx, account, region).code_bytes + code.size_bytes
    if total_bytes > CODE_STORAGE_LIMIT_BYTES:
        raise errors.LambdaError("Code storage limit exceeded.", code="CodeStorageExceededException")
    change_usage(tx, account, region, code_bytes=code.size_bytes)


def release_code(tx: Transaction, account: str, region: str, digest: str) -> None:
    known = CODES.get(tx, digest)
    assert known is not None, f"no code {digest}"
    change_usage(tx, account, region, code_bytes=-known.size_bytes)
    _drop(tx, known)


def hold_code(tx: Transaction, digest: str) -> None:
    """One more reference that counts for no account: a function's hold on a layer version's code.

    errors   ResourceConflictException
    """
    known = CODES.get(tx, digest)
    if known is None:
        raise errors.ResourceConflictException("A layer version of the function was deleted meanwhile.")
    CODES.put(tx, replace(known, references=known.references + 1))


def let_go_code(tx: Transaction, digest: str) -> None:
    known = CODES.get(tx, digest)
    assert known is not None, f"no code {digest}"
    _drop(tx, known)


def _drop(tx: Transaction, code: Code) -> None:
    if code.references > 1:
        CODES.put(tx, replace(code, references=code.references - 1))
        return
    CODES.delete(tx, code.digest)
    drop_reference(tx, code.blob_id)
    tx.emit(UNUSED_CODE, {"digest": code.digest}, after_ms=KEEP_FILES_MS)


def find_code(tx: Transaction, digest: str) -> Code | None:
    return CODES.get(tx, digest)


def usage(tx: Transaction, account: str, region: str) -> Usage:
    return USAGES.get(tx, account, region) or Usage(account, region)


def change_usage(
    tx: Transaction,
    account: str,
    region: str,
    *,
    functions: int = 0,
    code_bytes: int = 0,
    reserved_concurrency: int = 0,
) -> None:
    """Add to what the account uses in the region."""
    now = usage(tx, account, region)
    changed = Usage(
        account,
        region,
        now.functions + functions,
        now.code_bytes + code_bytes,
        now.reserved_concurrency + reserved_concurrency,
    )
    assert min(changed.functions, changed.code_bytes, changed.reserved_concurrency) >= 0
    USAGES.put(tx, changed)


def location_secret(tx: Transaction) -> bytes:
    """Signs the addresses that code is downloaded from; made at the first start."""
    known = SECRETS.get(tx, "code-location")
    if known is None:
        known = Secret("code-location", tx.ids.bytes(32))
        SECRETS.put(tx, known)
    return known.value
