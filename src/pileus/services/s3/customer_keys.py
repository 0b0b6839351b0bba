"""Keys that customers send with their requests (SSE-C): read, found to be right, remembered without being kept.

What is kept of a key is a salted HMAC, so that a wrong one is told before a byte is read; how the bytes lie is
store/sealing.py's. Plain HTTP is refused as elsewhere: what never leaves this machine counts as secure.

Source: user guide, "Using server-side encryption with customer-provided keys (SSE-C)", "Specifying server-side encryption
with customer-provided keys", "Blocking or unblocking SSE-C for a general purpose bucket", "Troubleshoot access denied (403
Forbidden) errors"; API reference, the operations' pages. The words are those of answers that users quote.
"""

import base64
import binascii
import hashlib
import hmac
import re
from typing import NamedTuple

from pileus.kernel.call import Call
from pileus.kernel.ids import Ids
from pileus.services.s3 import errors
from pileus.services.s3.state import buckets
from pileus.services.s3.state.records import Bucket, KeyCheck, Part, Upload, Version
from pileus.store.sealing import KEY_BYTES, SALT_BYTES

ALGORITHM = "AES256"
SSE_C = "SSE-C"
BLOCKED_BY_DEFAULT = {"EncryptionType": [SSE_C]}
"""Of new buckets since April 2026. User guide, "Default SSE-C setting for new buckets FAQ"."""

_PLACES = ("", "CopySource")
_MEMBERS = {
    place: frozenset(f"{place}SSECustomer{what}" for what in ("Algorithm", "Key", "KeyMD5")) for place in _PLACES
}
_KEYS_MUST = "Requests specifying Server Side Encryption with Customer provided keys must"
_OF_SUBSEQUENT_PARTS = (
    "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate "
    "encryption parameters."
)
_STORED_SO = "The object was stored using a form of Server Side Encryption."


class CustomerKey(NamedTuple):
    """md5: in base64, as it goes back to the customer."""

    secret: bytes
    md5: str

    def __repr__(self) -> str:
        return "CustomerKey(…)"  # whatever prints a call must not print this


def given(call: Call, request: dict, place: str = "", *, is_reading: bool = False) -> CustomerKey | None:
    """The key in a request, whatever its length; None where there is none.

    place       "CopySource" for the key of a copy's source
    is_reading  then S3 wants no MD5
    errors      InvalidArgument, InvalidEncryptionAlgorithmError
    """
    if _MEMBERS[place].isdisjoint(request):
        return None
    algorithm, text, md5 = (request.get(f"{place}SSECustomer{what}") for what in ("Algorithm", "Key", "KeyMD5"))
    if algorithm is None and text is None and md5 is None:
        return None
    if not call.is_secure:
        raise _invalid(f"{_KEYS_MUST} be made over a secure connection.")
    if not place and request.get("ServerSideEncryption") is not None:
        raise _invalid(
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
            request["ServerSideEncryption"],
        )
    if algorithm is None:
        raise _invalid(f"{_KEYS_MUST} provide a valid encryption algorithm.")
    if text is None:
        raise _invalid(f"{_KEYS_MUST} provide an appropriate secret key.")
    if md5 is None and not is_reading:
        raise _invalid(f"{_KEYS_MUST} provide the client calculated MD5 of the secret key.")
    secret = _decoded(text)
    if not secret:
        raise _invalid("The secret key was invalid - too short.", text)
    computed = base64.b64encode(hashlib.md5(secret, usedforsecurity=False).digest()).decode()
    if md5 not in (None, computed):
        raise _invalid("The calculated MD5 hash of the key did not match the hash that was provided.")
    if algorithm != ALGORITHM:
        raise errors.InvalidEncryptionAlgorithmError(
            ArgumentName="x-amz-server-side-encryption", ArgumentValue=algorithm
        )
    return CustomerKey(secret, computed)


def _decoded(text: str) -> bytes:
    """Base64 as S3 reads it here: what is not of its alphabet is passed over, as is a last group that is not whole."""
    letters = re.sub(r"[^A-Za-z0-9+/=]", "", text)
    try:
        return base64.b64decode(letters[: len(letters) // 4 * 4])
    except binascii.Error:
        return b""


def _invalid(message: str, value: str | None = None) -> errors.InvalidArgument:
    named = {} if value is None else {"ArgumentValue": value}
    return errors.InvalidArgument(message, ArgumentName="x-amz-server-side-encryption", **named)


def _of_another_length() -> errors.InvalidArgument:
    return _invalid("The secret key was invalid for the specified algorithm.")


# Writing


async def for_writing(call: Call, bucket: Bucket, request: dict) -> CustomerKey | None:
    """The key that what is written now is to be encrypted with.

    errors   AccessDenied: the bucket blocks SSE-C; and those of `given`
    """
    key = given(call, request)
    if key is None:
        return None
    if len(key.secret) != KEY_BYTES:
        raise _of_another_length()
    configuration = await call.read(buckets.configuration, bucket, "encryption")
    rule = configuration["Rules"][0] if configuration else {}
    if SSE_C in rule.get("BlockedEncryptionTypes", BLOCKED_BY_DEFAULT).get("EncryptionType", ()):
        raise _blocked(call, bucket, request["Key"])
    return key


def _blocked(call: Call, bucket: Bucket, key: str) -> errors.AccessDenied:
    """Callers of other accounts are not told why, as with policies (authorize.py, `denial`)."""
    if call.principal.account != bucket.account:
        return errors.AccessDenied()
    return errors.AccessDenied(
        f"User: {call.principal} is not authorized to perform: s3:{call.operation} on resource: "
        f'"arn:aws:s3:::{bucket.name}/{key}" because this bucket has blocked upload requests that specify Server Side '
        "Encryption with Customer provided keys (SSE-C). Please specify a different server-side encryption type"
    )


def remembered(key: CustomerKey | None, ids: Ids) -> KeyCheck | None:
    """What an object keeps of its key."""
    if key is None:
        return None
    salt = ids.bytes(SALT_BYTES)
    return KeyCheck(salt, hmac.digest(salt, key.secret, "sha256"))


def _fits(check: KeyCheck, key: CustomerKey) -> bool:
    return hmac.compare_digest(check.hmac, hmac.digest(check.salt, key.secret, "sha256"))


# Reading


def for_reading(call: Call, request: dict, version: Version, place: str = "") -> CustomerKey | None:
    """The key that the version opens with; None where it has none.

    errors   AccessDenied: another key; InvalidRequest: none where one is needed, one where none is; those of `given`
    """
    key = given(call, request, place, is_reading=True)
    if version.key_check is None:
        if key is not None:
            raise errors.InvalidRequest("The encryption parameters are not applicable to this object.")
        return None
    if key is None:
        raise errors.InvalidRequest(f"{_STORED_SO} The correct parameters must be provided to retrieve the object.")
    if not _fits(version.key_check, key):
        raise _of_another_upload() if place else errors.AccessDenied(f"{_KEYS_MUST} provide the correct secret key.")
    return key


# Multipart uploads


async def for_part(call: Call, bucket: Bucket, request: dict, upload: Upload) -> CustomerKey | None:
    """The upload's key, which each of its parts has to bring.

    errors   InvalidRequest: another key, none, or one for an upload that has none; those of `for_writing`
    """
    key = await for_writing(call, bucket, request)
    check = upload.draft.key_check
    if (key is None) != (check is None):
        raise errors.InvalidRequest(_OF_SUBSEQUENT_PARTS)
    if key is not None and not _fits(check, key):
        raise _of_another_upload()
    return key


def check_completion(call: Call, request: dict, upload: Upload, parts: list[dict]) -> None:
    """A completion opens nothing. It needs the key where it states checksums of parts, and may not bring another."""
    if not _matches(call, request, upload) and any(name.startswith("Checksum") for part in parts for name in part):
        raise errors.InvalidRequest(
            f"{_STORED_SO} Correct SSE-C request parameters are required for this request when specifying checksums for "
            "each part."
        )


def may_see_checksums(call: Call, request: dict, upload: Upload, parts: list[Part]) -> bool:
    """Whether a list of parts may tell their checksums, which says something of the bytes.

    errors   InvalidRequest: the upload asked for checksums, and its key isn't there
    source   API reference, ListParts: the key is needed only where the upload was begun with a checksum algorithm
    """
    if _matches(call, request, upload):
        return True
    if parts and upload.checksum_algorithm != "CRC64NVME":  # which is also what S3 computes where nobody asks
        raise errors.InvalidRequest(
            "To retrieve Part Checksum data requests must include appropriate encryption parameters."
        )
    return False


def _matches(call: Call, request: dict, upload: Upload) -> bool:
    """False: the upload has a key and the request none."""
    key, check = given(call, request), upload.draft.key_check
    if check is None:
        if key is not None:
            raise errors.InvalidRequest(_OF_SUBSEQUENT_PARTS)
        return True
    if key is not None and not _fits(check, key):
        raise _of_another_upload()
    return key is not None


def _of_another_upload() -> errors.InvalidRequest:
    return errors.InvalidRequest("The provided encryption parameters did not match the ones used originally.")
