"""Signature Version 2 as S3 has it: HMAC-SHA1 over a few lines, in a header or in a URL.

boto3 makes such URLs to this day where nobody sets `signature_version`. Nothing but the named sub-resources of the
query is signed and nothing of the body, so S3 alone takes it (Service.takes_signature_v2).

Source: S3 user guide, "Signing and authenticating REST requests (AWS signature version 2)"; checked against botocore.
"""

import base64
import hmac
import re
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, unquote_plus

from pileus.authn.canonical import header_bytes
from pileus.authn.refusals import refusal
from pileus.authn.signed import ALGORITHM_V2, MAX_SKEW_MS, Signed, basic_time, expired, too_skewed
from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest

SUB_RESOURCES = frozenset(
    [
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    ]
)
"""The parameters of the query that are signed: the guide's, and those that the SDKs came to sign since."""

_NO_HEADERS = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signature")
_NO_HEADERS += ("x-amz-signedheaders", "x-amz-checksum-", "x-amz-sdk-checksum-")
_HEADER = re.compile(r"AWS ([^:\s]+):([A-Za-z0-9+/=]+)\s*")


def sign(secret_key: str, text: str | bytes) -> str:
    """Base64 of the HMAC-SHA1; also what a form's policy is signed with."""
    data = text if isinstance(text, bytes) else header_bytes(text)
    return base64.b64encode(hmac.digest(secret_key.encode(), data, "sha1")).decode()


def read(request: HttpRequest) -> Signed:
    """The signature of a request that claims to have one of this version.

    errors   InvalidArgument, AccessDenied (no date, parameters missing)
    """
    authorization = request.headers.get("authorization")
    if authorization is None:
        return _read_query(request)
    found = _HEADER.fullmatch(authorization)
    if found is None:
        raise AwsError(
            "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
            code="InvalidArgument",
            status=400,
            ArgumentName="Authorization",
            ArgumentValue=authorization.split(":")[0],
        )
    date = request.headers.get("x-amz-date") or request.headers.get("date", "")
    try:
        at_ms = int(parsedate_to_datetime(date).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        raise _denied("AWS authentication requires a valid Date or x-amz-date header") from None
    return _signed("header", found[1], found[2], date, at_ms, None, request.headers.get("x-amz-security-token"))


def _read_query(request: HttpRequest) -> Signed:
    given = _parameters(request.query)
    if not all(given.get(name) for name in ("AWSAccessKeyId", "Signature", "Expires")):
        raise _denied("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
    expires = given["Expires"]
    if not re.fullmatch(r"\d{1,11}", expires):
        raise _denied(f"Invalid date (should be seconds since epoch): {expires[:100]}")
    token = given.get("x-amz-security-token") or request.headers.get("x-amz-security-token")
    # The time of signing is not told: what counts is when it ends.
    return _signed("presigned", given["AWSAccessKeyId"], given["Signature"], expires, int(expires) * 1000, 0, token)


def _signed(
    kind: str, key_id: str, signature: str, date: str, at_ms: int, expires_s: int | None, token: str | None
) -> Signed:
    return Signed(kind, ALGORITHM_V2, key_id, "", "", "s3", (), signature, date, at_ms, expires_s, token, "s3")


def _denied(message: str) -> AwsError:
    return AwsError(message, code="AccessDenied", status=403)


def _parameters(query: str) -> dict[str, str]:
    """Of the query string, decoded; of repeated ones the first."""
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(unquote_plus(name), unquote_plus(value))
    return found


def verify(request: HttpRequest, signed: Signed, secret_key: str, now_ms: int) -> None:
    """Return if the holder of `secret_key` signed this request, and in time.

    request  in path style: the bucket is signed with the path wherever it stood
    errors   SignatureDoesNotMatch, RequestTimeTooSkewed, AccessDenied (the URL has expired)
    """
    _check_time(signed, now_ms)
    head = _head(request, signed)
    for path in _paths(request.path):
        to_sign = head + path + _sub_resources(request.query)
        if hmac.compare_digest(sign(secret_key, to_sign).encode(), header_bytes(signed.signature)):
            return
    raise refusal(
        "s3",
        "mismatch",
        AWSAccessKeyId=signed.access_key_id,
        StringToSign=to_sign,
        SignatureProvided=signed.signature,
        StringToSignBytes=header_bytes(to_sign).hex(" "),
    )


def _paths(path: str) -> tuple[str, ...]:
    """A bare bucket is signed with a slash behind it or without: the SDKs differ."""
    return (path, f"{path}/") if path.count("/") == 1 and len(path) > 1 else (path,)


def _head(request: HttpRequest, signed: Signed) -> str:
    """What is signed before the resource: method, digest, type, date, and all x-amz- headers.

    URLs carry those headers as parameters.
    """
    given = dict(request.headers)
    date = signed.timestamp
    if signed.kind == "presigned":
        given |= {name: value for name, value in hoisted(request.query).items() if name not in given}
    elif "x-amz-date" in given:
        date = ""
    names = sorted(name for name in given if name.startswith("x-amz-"))
    lines = [request.method, given.get("content-md5", "").strip(), given.get("content-type", "").strip(), date]
    lines += [f"{name}:{given[name].strip()}" for name in names]
    return "\n".join(lines) + "\n"


def hoisted(query: str) -> dict[str, str]:
    """The headers that a presigned URL carries as parameters: its maker signed them."""
    found: dict[str, str] = {}
    for name, value in _parameters(query).items():
        lower = name.lower()
        if lower.startswith("x-amz-") or lower in ("content-md5", "content-type"):
            found[lower] = value.encode().decode("latin-1")  # as headers come
    return found


def headers_of_url(query: str) -> dict[str, str]:
    """Those of `hoisted` that S3 heeds as if they were sent, for URLs of either version.

    Not checksums: SDKs that presign put in the empty body's, and S3 lets any body pass (aws/aws-sdk#480).
    """
    return {name: value for name, value in hoisted(query).items() if not name.startswith(_NO_HEADERS)}


def _sub_resources(query: str) -> str:
    if not query:
        return ""
    pairs = (pair.split("=", 1) for pair in query.split("&"))
    kept = sorted((pair for pair in pairs if pair[0] in SUB_RESOURCES), key=lambda pair: pair[0])
    return "?" + "&".join("=".join([name, *map(unquote, value)]) for name, *value in kept) if kept else ""


def _check_time(signed: Signed, now_ms: int) -> None:
    if signed.kind == "presigned":
        if now_ms > signed.signed_ms:
            raise expired(signed.signed_ms, now_ms)
    elif abs(now_ms - signed.signed_ms) > MAX_SKEW_MS:
        raise too_skewed(basic_time(signed.signed_ms), now_ms)
