"""A signature as a request claims it, and what the versions of it have in common: the time that may have passed."""

import time
from typing import Literal

import msgspec

from pileus.authn.refusals import Dialect
from pileus.kernel.errors import AwsError

ECDSA = "AWS4-ECDSA-P256-SHA256"
ALGORITHM_V2 = "AWS"
"""Of Signature Version 2, which sigv2.py knows; so is it called in the Authorization header."""
MAX_SKEW_MS = 15 * 60 * 1000
_S3_SERVICES = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})


class Signed(msgspec.Struct):
    """A signature as the request claims it; nothing of it is believed before `verify`.

    region      "" for SigV4a, whose `region_set` says where the signature holds
    timestamp   as it was signed: 20261123T190554Z
    expires_s   of a presigned URL, else None
    """

    kind: Literal["header", "presigned"]
    algorithm: str
    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    signed_ms: int
    expires_s: int | None
    session_token: str | None
    dialect: Dialect
    region_set: str = ""

    @property
    def is_s3(self) -> bool:
        return self.service in _S3_SERVICES

    @property
    def scope(self) -> str:
        if self.algorithm == ECDSA:
            return f"{self.date}/{self.service}/aws4_request"
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def basic_time(ms: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(ms // 1000))


def _extended(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms // 1000))


def too_skewed(timestamp: str, now_ms: int) -> AwsError:
    return AwsError(
        "The difference between the request time and the current time is too large.",
        code="RequestTimeTooSkewed",
        status=403,
        RequestTime=timestamp,
        ServerTime=_extended(now_ms),
        MaxAllowedSkewMilliseconds=str(MAX_SKEW_MS),
    )


def expired(expires_ms: int, now_ms: int, **fields: str) -> AwsError:
    """S3's refusal of a URL whose time is over."""
    times = {"Expires": _extended(expires_ms), "ServerTime": _extended(now_ms)}
    return AwsError("Request has expired", code="AccessDenied", status=403, **fields, **times)
