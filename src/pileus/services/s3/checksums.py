"""Checksums: what a request states of its body, and what follows for an object from the checksums of its parts.

Source: user guide, "Checking object integrity in Amazon S3"; API reference, Checksum.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping

from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import errors
from pileus.store.digests import digest_of, new_digest

LENGTHS = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}
"""Algorithm -> bytes of its checksum."""
NOT_YET = ("SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")
_STATING = frozenset({"ChecksumAlgorithm", *(f"Checksum{algorithm}" for algorithm in (*LENGTHS, *NOT_YET))})
CRCS = ("CRC32", "CRC32C", "CRC64NVME")
MEMBERS = {algorithm: f"Checksum{algorithm}" for algorithm in LENGTHS}
_MEMBER_OF_HEADER = {
    f"x-amz-checksum-{algorithm.lower()}": f"Checksum{algorithm}" for algorithm in (*LENGTHS, *NOT_YET)
}
HEADERS = {f"x-amz-checksum-{algorithm.lower()}": algorithm for algorithm in LENGTHS}

COMPOSITE = "COMPOSITE"
FULL_OBJECT = "FULL_OBJECT"


def text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def of(algorithm: str, data: bytes) -> str:
    return text(digest_of(algorithm.lower(), data))


# What a request declares


def declared(request: dict) -> tuple[str, str] | None:
    """(algorithm, base64) of the checksum that a request states in its own members; more than one is refused."""
    if _STATING.isdisjoint(request):
        return None
    refuse_not_yet(request)
    found = [(algorithm, request[member]) for algorithm, member in MEMBERS.items() if request.get(member) is not None]
    if len(found) > 1:
        raise errors.InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    if found:
        require_well_formed(*found[0])
        return found[0]
    return None


def refuse_not_yet(stating: dict) -> None:
    """Raise NotImplementedByUs where a request, or a part that it names, states a checksum that isn't computed here."""
    for algorithm in NOT_YET:
        if stating.get(f"Checksum{algorithm}") is not None or stating.get("ChecksumAlgorithm") == algorithm:
            raise NotImplementedByUs(f"s3 with ChecksumAlgorithm {algorithm}")


def stated_in(headers: Mapping[str, str]) -> dict[str, str]:
    """The members that the model has for checksums in headers or trailers, for operations where it has none."""
    return {_MEMBER_OF_HEADER[name]: value for name, value in headers.items() if name in _MEMBER_OF_HEADER}


def require_well_formed(algorithm: str, value: str) -> None:
    try:
        is_right = len(base64.b64decode(value, validate=True)) == LENGTHS[algorithm]
    except (binascii.Error, ValueError):
        is_right = False
    if not is_right:
        raise errors.InvalidRequest(f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")


# Of several parts


def composite(algorithm: str, parts: list[str]) -> str:
    """The checksum of the parts' checksums, and how many there were."""
    running = new_digest(algorithm.lower())
    for value in parts:
        running.update(base64.b64decode(value))
    return f"{text(running.digest())}-{len(parts)}"


def joined(algorithm: str, parts: list[tuple[str, int]]) -> str:
    """The CRC of the whole from (CRC, size) of each part, in order."""
    from awscrt import checksums as crt  # seven megabytes: see store/digests.py

    combine = {"CRC32": crt.combine_crc32, "CRC32C": crt.combine_crc32c, "CRC64NVME": crt.combine_crc64nvme}[algorithm]
    length = LENGTHS[algorithm]
    value = 0
    for part, size in parts:
        value = combine(value, int.from_bytes(base64.b64decode(part)), size)
    return text(value.to_bytes(length))


def etag_of_parts(md5s: list[str]) -> str:
    """The MD5 of the parts' MD5s, and how many there were."""
    return hashlib.md5(b"".join(map(bytes.fromhex, md5s)), usedforsecurity=False).hexdigest() + f"-{len(md5s)}"
