"""Signature Version 4: read a request's signature, and verify it.

    signed = sigv4.read(request, dialect)          # None: the request is not signed
    sigv4.verify(request, signed, secret_key, now_ms, payload_hash)

`read` costs no cryptography, so a gateway can route and find the key first. `now_ms` is the time that clients know:
moving Pileus's clock must not make every signature look old.

Sources: IAM user guide, "AWS Signature Version 4 for API requests" and "Troubleshoot Signature Version 4 signing"; S3
API reference, "Authenticating Requests (AWS Signature Version 4)".
"""

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import unquote

from pileus.authn import sigv2
from pileus.authn.canonical import (
    canonical_path,
    canonical_query,
    canonical_request,
    header_bytes,
    split_header_names,
)
from pileus.authn.refusals import Dialect, refusal, signature_version_2
from pileus.authn.signed import ALGORITHM_V2, ECDSA, MAX_SKEW_MS, Signed, basic_time, expired, too_skewed
from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest

HMAC = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STREAMING_MARKERS = frozenset(
    {
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
    }
)
MAX_EXPIRES_S = 7 * 24 * 3600
_SHA256 = re.compile(r"[0-9a-f]{64}")
UNASKED: Any = object()
"""In the place of what `declared_payload` says, where the caller has not asked it."""


# -- reading


def read(request: HttpRequest, dialect: Dialect = "query", *, takes_v2: bool = False) -> Signed | None:
    """The request's signature, or None for an anonymous request.

    takes_v2  the service takes Signature Version 2 as well
    errors    IncompleteSignature (JSON: …Exception); S3: AuthorizationHeaderMalformed,
              AuthorizationQueryParametersError
    """
    authorization = request.headers.get("authorization")
    if authorization is not None:
        if authorization.startswith("AWS4-"):
            return _read_header(request, authorization, dialect)
        if authorization.startswith("AWS "):
            return _read_version_2(request, dialect, takes_v2)
        return None  # Basic, Bearer: somebody else's (the container registry, an authorizer)
    if request.query:
        if "X-Amz-" in request.query or "x-amz-" in request.query:
            signed = _read_query(request, dialect)
            if signed is not None:
                return signed
        if "AWSAccessKeyId=" in request.query and ("Signature=" in request.query or takes_v2):
            return _read_version_2(request, dialect, takes_v2)
    return None


def _read_version_2(request: HttpRequest, dialect: Dialect, takes_v2: bool) -> Signed:
    if not takes_v2:
        raise signature_version_2(dialect)
    return sigv2.read(request)


_HEADER = re.compile(
    r"(AWS4-HMAC-SHA256|AWS4-ECDSA-P256-SHA256) +Credential=([^, ]+)/aws4_request, *SignedHeaders=([^, ]+), *"
)
"""What every SDK sends before the signature. Anything else takes the slow way, which also knows what is wrong."""


def _read_header(request: HttpRequest, authorization: str, dialect: Dialect) -> Signed:
    # A client sends the same text all day, and another signature behind it each time.
    stated, _, signature = authorization.partition("Signature=")
    parts = _stated(stated, dialect) if signature.isalnum() else None
    if parts is None:
        algorithm, credential, names, signature = _read_oddly_written(authorization, dialect)
        parts = (algorithm, *_credential(credential, algorithm, dialect, "header"), split_header_names(names))
    algorithm, access_key_id, date, region, service, signed_headers = parts
    headers = request.headers
    timestamp = headers.get("x-amz-date")
    try:
        if timestamp is None:
            timestamp = _from_http_date(headers.get("date", ""))
        signed_ms = _milliseconds(timestamp)
    except ValueError:
        if dialect == "s3":
            words = "AWS authentication requires a valid Date or x-amz-date header"
            raise AwsError(words, code="AccessDenied", status=403) from None
        raise refusal(
            dialect,
            "incomplete",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
            f"Authorization={_redacted(authorization)}",
        ) from None
    return Signed(
        "header",
        algorithm,
        access_key_id,
        date,
        region,
        service,
        signed_headers,
        signature,
        timestamp,
        signed_ms,
        None,
        headers.get("x-amz-security-token"),
        dialect,
        headers.get("x-amz-region-set", ""),
    )


@lru_cache(maxsize=1024)
def _stated(text: str, dialect: Dialect) -> tuple[str, str, str, str, str, tuple[str, ...]] | None:
    """Algorithm, the parts of the credential and the signed headers' names; None where it is oddly written."""
    match = _HEADER.fullmatch(text)
    if match is None:
        return None
    algorithm, credential, names = match.groups()
    credential = _credential(f"{credential}/aws4_request", algorithm, dialect, "header")
    return algorithm, *credential, split_header_names(names)


def _read_oddly_written(authorization: str, dialect: Dialect) -> tuple[str, str, str, str]:
    """An Authorization header with its parts in another order, spaces for commas between them, or some missing.

    AWS documents commas and takes spaces as well: what calls AWS in browsers leaves the first comma out.
    """
    algorithm, _, rest = authorization.partition(" ")
    if algorithm not in (HMAC, ECDSA):
        if dialect == "s3":
            raise signature_version_2(dialect)  # S3 says the same of every algorithm it does not know
        raise refusal(dialect, "incomplete", f"Unsupported AWS 'algorithm': '{algorithm}'.")
    parts = dict(part.partition("=")[::2] for part in re.split(r"[,\s]+", rest))
    wanted = ("Credential", "Signature", "SignedHeaders")
    missing = [name for name in wanted if not parts.get(name)]
    if missing:
        if dialect == "s3":
            words = f"The authorization header is malformed; the authorization header requires three components: {', '.join(wanted)}."
            raise refusal(dialect, "incomplete", words)
        words = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise refusal(dialect, "incomplete", f"{words} Authorization={_redacted(authorization)}")
    return algorithm, parts["Credential"], parts["SignedHeaders"], parts["Signature"]


def _redacted(authorization: str) -> str:
    """AWS repeats the header without its signature: a log must not hold what could be sent again."""
    return re.sub(r"(Signature=)[0-9a-fA-F]+", r"\1(redacted)", authorization)


_DAY = re.compile(r"\d{8}")


@lru_cache(maxsize=1024)
def _credential(
    text: str, algorithm: str, dialect: Dialect, place: Literal["header", "query"]
) -> tuple[str, str, str, str]:
    """Key id, date, region, service. A key id may hold slashes, so we count from the end."""
    count = 4 if algorithm == ECDSA else 5
    parts = text.rsplit("/", count - 1)
    is_whole = len(parts) == count and all(parts) and (dialect != "s3" or _DAY.fullmatch(parts[1]) is not None)
    if is_whole and parts[-1] == "aws4_request":
        return (parts[0], parts[1], "", parts[2]) if algorithm == ECDSA else (parts[0], parts[1], parts[2], parts[3])
    if dialect == "s3":
        expected = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        if place == "query":
            raise _query_error(f"Error parsing the X-Amz-Credential parameter; {expected}")
        raise refusal(dialect, "incomplete", f"The authorization header is malformed; {expected}")
    if is_whole:
        words = f"Credential should be scoped with a valid terminator: 'aws4_request', not '{parts[-1]}'."
        raise refusal(dialect, "mismatch", words)
    words = (
        f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
    )
    raise refusal(dialect, "incomplete", words)


def _query_error(message: str) -> AwsError:
    return AwsError(message, code="AuthorizationQueryParametersError", status=400)


_QUERY_PARAMETERS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders")


def _read_query(request: HttpRequest, dialect: Dialect) -> Signed | None:
    given: dict[str, str] = {}
    for pair in request.query.split("&"):
        name, _, value = pair.partition("=")
        if name[:6].lower() == "x-amz-":
            given.setdefault(unquote(name).lower(), unquote(value))
    if not given.keys() & {"x-amz-algorithm", "x-amz-credential", "x-amz-signature"}:
        return None
    required = (*_QUERY_PARAMETERS, "X-Amz-Expires") if dialect == "s3" else _QUERY_PARAMETERS
    missing = [name for name in required if name.lower() not in given]
    if missing:
        if dialect == "s3":
            raise _query_error(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
            )
        words = " ".join(f"AWS query-string parameters must include '{name}'." for name in missing)
        raise refusal(dialect, "incomplete", f"{words} Re-examine the query-string parameters.")
    algorithm = given["x-amz-algorithm"]
    if algorithm not in (HMAC, ECDSA):
        if dialect == "s3":
            raise _query_error('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"')
        raise refusal(dialect, "incomplete", f"Unsupported AWS 'algorithm': '{algorithm}'.")
    access_key_id, date, region, service = _credential(given["x-amz-credential"], algorithm, dialect, "query")
    timestamp = given["x-amz-date"]
    try:
        signed_ms = _milliseconds(timestamp)
    except ValueError:
        if dialect == "s3":
            raise _query_error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"") from None
        raise refusal(dialect, "incomplete", f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'.") from None
    return Signed(
        "presigned",
        algorithm,
        access_key_id,
        date,
        region,
        service,
        split_header_names(given["x-amz-signedheaders"].lower()),
        given["x-amz-signature"],
        timestamp,
        signed_ms,
        _expires(given.get("x-amz-expires"), dialect),
        given.get("x-amz-security-token") or request.headers.get("x-amz-security-token"),
        dialect,
        given.get("x-amz-region-set", ""),
    )


def _expires(text: str | None, dialect: Dialect) -> int:
    if text is None:
        return MAX_SKEW_MS // 1000  # not S3: such URLs hold as long as a signed request does
    if not re.fullmatch(r"-?\d{1,15}", text):
        problem = "X-Amz-Expires should be a number"
    elif int(text) < 0:
        problem = "X-Amz-Expires must be non-negative"
    elif int(text) > MAX_EXPIRES_S:
        problem = (
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            "604800 seconds"
        )
    else:
        return int(text)
    raise _query_error(problem) if dialect == "s3" else refusal(dialect, "incomplete", problem)


@lru_cache(maxsize=256)
def _milliseconds(timestamp: str) -> int:
    if not re.fullmatch(r"\d{8}T\d{6}Z", timestamp, re.ASCII):
        raise ValueError(timestamp)
    return calendar.timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ")) * 1000


def _from_http_date(text: str) -> str:
    if re.fullmatch(r"\d{8}T\d{6}Z", text, re.ASCII):
        return text
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except TypeError:
        raise ValueError(text) from None


# -- verifying


@lru_cache(maxsize=1024)
def signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    """A day's key for one service in one region: the four hashes that most requests need not compute again."""
    key = hmac.digest(b"AWS4" + secret_key.encode(), date.encode(), "sha256")
    for part in (region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=1024)
def _signer(secret_key: str, date: str, region: str, service: str) -> Callable[[bytes], str]:
    """HMAC-SHA256 (RFC 2104) in hexadecimal with the day's key, which is hashed once and not for each request."""
    key = signing_key(secret_key, date, region, service).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))

    def sign(text: bytes) -> str:
        within, around = inner.copy(), outer.copy()
        within.update(text)
        around.update(within.digest())
        return around.hexdigest()

    return sign


def declared_payload(request: HttpRequest, signed: Signed) -> str | None:
    """What the signature says of the body: its hash, UNSIGNED-PAYLOAD, a streaming marker, or None: hash the body.

    errors   S3: InvalidRequest without the header, InvalidArgument for a value that is none of these
    """
    declared = request.headers.get("x-amz-content-sha256")
    if not signed.is_s3:
        return declared
    if signed.algorithm == ALGORITHM_V2:
        # It knows of no bodies, so nothing but the framing can say that one comes in chunks.
        return "STREAMING-UNSIGNED-PAYLOAD-TRAILER" if _is_chunked(request) else UNSIGNED_PAYLOAD
    if signed.kind == "presigned":
        return (
            declared if declared is not None and "x-amz-content-sha256" in signed.signed_headers else UNSIGNED_PAYLOAD
        )
    if declared is None:
        raise AwsError(
            "Missing required header for this request: x-amz-content-sha256", code="InvalidRequest", status=400
        )
    if declared == UNSIGNED_PAYLOAD or declared in STREAMING_MARKERS or _SHA256.fullmatch(declared):
        return declared
    raise AwsError(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 "
        "value.",
        code="InvalidArgument",
        status=400,
        ArgumentName="x-amz-content-sha256",
        ArgumentValue=declared,
    )


def _is_chunked(request: HttpRequest) -> bool:
    headers = request.headers
    return "x-amz-decoded-content-length" in headers and "aws-chunked" in headers.get("content-encoding", "")


def verify(
    request: HttpRequest,
    signed: Signed,
    secret_key: str,
    now_ms: int,
    payload_hash: str | None = None,
    *,
    declared: str | None = UNASKED,
) -> None:
    """Return if the holder of `secret_key` signed this request, and lately; raise AWS's error if not.

    request        as it came; for Signature Version 2 in path style
    declared       what `declared_payload` said of this request, where it was asked already
    payload_hash   the hex SHA-256 of the body. Needed unless the request declares its payload, as all of S3's do; then
                   the body is checked while it streams (payload.py).
    errors         SignatureDoesNotMatch (JSON: InvalidSignatureException); S3 also RequestTimeTooSkewed, AccessDenied
                   (expired URLs, unsigned x-amz- headers), XAmzContentSHA256Mismatch
    """
    if signed.algorithm == ALGORITHM_V2:
        return sigv2.verify(request, signed, secret_key, now_ms)
    check_time(signed, now_ms)
    is_s3, names = signed.is_s3, signed.signed_headers
    if "host" not in names and ":authority" not in names:
        words = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        raise refusal(signed.dialect, "mismatch", words)
    if is_s3:
        _check_all_are_signed(request.headers, names)
    if declared is UNASKED:
        declared = declared_payload(request, signed)
    if declared is not None:
        payload_hash = _agreed_payload(signed, declared, payload_hash)
    assert payload_hash is not None, "the request declares no payload: its body's hash is needed"
    canonical = canonical_request(
        request.method,
        canonical_path(request.path, is_s3),
        canonical_query(request.query, "X-Amz-Signature" if signed.kind == "presigned" else None),
        request.headers,
        names,
        payload_hash,
    )
    digest = hashlib.sha256(header_bytes(canonical)).hexdigest()
    to_sign = f"{signed.algorithm}\n{signed.timestamp}\n{signed.scope}\n{digest}"
    if not _is_genuine(signed, secret_key, to_sign):
        raise _mismatch(signed, canonical, to_sign)


def _agreed_payload(signed: Signed, declared: str, computed: str | None) -> str:
    """What takes the payload's place in the canonical request, once it is known not to contradict the body."""
    if computed is None and signed.is_s3 and signed.kind == "header":
        return declared  # `declared_payload` has looked at it
    if _SHA256.fullmatch(declared):
        if computed is not None and declared != computed:
            raise content_mismatch(declared, computed) if signed.is_s3 else refusal(signed.dialect, "mismatch")
    elif declared != UNSIGNED_PAYLOAD and not declared.startswith("STREAMING-"):
        raise refusal(signed.dialect, "mismatch")
    return declared


def _is_genuine(signed: Signed, secret_key: str, to_sign: str) -> bool:
    if signed.algorithm == ECDSA:
        from pileus.authn import sigv4a  # brings in `cryptography`, which few need

        return sigv4a.is_genuine(signed.access_key_id, secret_key, to_sign, signed.signature)
    expected = _signer(secret_key, signed.date, signed.region, signed.service)(to_sign.encode())
    return hmac.compare_digest(expected.encode(), signed.signature.encode())


def _mismatch(signed: Signed, canonical: str, to_sign: str) -> AwsError:
    if signed.dialect == "s3":
        return refusal(
            "s3",
            "mismatch",
            AWSAccessKeyId=signed.access_key_id,
            StringToSign=to_sign,
            SignatureProvided=signed.signature,
            StringToSignBytes=to_sign.encode().hex(" "),
            CanonicalRequest=canonical,
            CanonicalRequestBytes=header_bytes(canonical).hex(" "),
        )
    short = refusal(signed.dialect, "mismatch")
    return refusal(
        signed.dialect,
        "mismatch",
        f"{short.message}\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n"
        f"The String-to-Sign should have been\n'{to_sign}'\n",
    )


def content_mismatch(declared: str, computed: str) -> AwsError:
    return AwsError(
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        code="XAmzContentSHA256Mismatch",
        status=400,
        ClientComputedContentSHA256=declared,
        S3ComputedContentSHA256=computed,
    )


def check_time(signed: Signed, now_ms: int) -> None:
    """Return if the signature holds now; raise AWS's error if it is too old or of the future."""
    allowed_ms = MAX_SKEW_MS if signed.expires_s is None else signed.expires_s * 1000
    if signed.signed_ms - MAX_SKEW_MS <= now_ms <= signed.signed_ms + allowed_ms:
        if signed.timestamp[:8] == signed.date:
            return
        words = (
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signed.date}' != '{signed.timestamp[:8]}', from '{signed.timestamp}'."
        )
        raise refusal(signed.dialect, "mismatch", words)
    is_early = now_ms < signed.signed_ms
    if signed.dialect == "s3":
        raise _s3_time_error(signed, now_ms, is_early)
    if is_early:
        limit = basic_time(now_ms + MAX_SKEW_MS)
        words = f"Signature not yet current: {signed.timestamp} is still later than {limit} ({basic_time(now_ms)} + 15 min.)"
    else:
        limit = basic_time(now_ms - allowed_ms)
        words = (
            f"Signature expired: {signed.timestamp} is now earlier than {limit} "
            f"({basic_time(now_ms)} - {allowed_ms // 60_000} min.)"
        )
    raise refusal(signed.dialect, "mismatch", words)


def _s3_time_error(signed: Signed, now_ms: int, is_early: bool) -> AwsError:
    if signed.expires_s is None:
        return too_skewed(signed.timestamp, now_ms)
    if is_early:
        return AwsError("Request is not yet valid", code="AccessDenied", status=403)
    expires_ms = signed.signed_ms + signed.expires_s * 1000
    return expired(expires_ms, now_ms, **{"X-Amz-Expires": str(signed.expires_s)})


def _check_all_are_signed(headers: Mapping[str, str], names: tuple[str, ...]) -> None:
    """In S3 every x-amz- header must be signed: whoever carries a URL must not add to it."""
    unsigned = [
        name for name in headers if name.startswith("x-amz-") and name not in names and name != "x-amz-content-sha256"
    ]
    if unsigned:
        raise AwsError(
            "There were headers present in the request which were not signed",
            code="AccessDenied",
            status=403,
            HeadersNotSigned=", ".join(sorted(unsigned)),
        )
