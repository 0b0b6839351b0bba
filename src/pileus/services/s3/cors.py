"""Cross-origin requests: preflights, and what answers to browsers carry beside.

Source: user guide, "Using cross-origin resource sharing (CORS)", "Elements of a CORS configuration", "Troubleshooting
CORS"; API reference, "OPTIONS object"; the wording is that of recorded answers.
"""

from typing import Any
from urllib.parse import unquote

from pileus.kernel.call import Call, Cloud
from pileus.kernel.http import HttpRequest, HttpResponse
from pileus.services.s3 import errors
from pileus.services.s3.state import buckets
from pileus.services.s3.state.records import CORS_METHODS
from pileus.store.transaction import Transaction

VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")

NOT_ENABLED = "CORSResponse: CORS is not enabled for this bucket."
NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)


async def preflight(call: Call) -> HttpResponse:
    """May a page of this origin send such a request? Nobody signs preflights.

    errors   BadRequest (headers missing), AccessForbidden (no rule says yes)
    """
    request = call.http
    origin, method = request.headers.get("origin"), request.headers.get("access-control-request-method")
    if not origin:
        raise errors.BadRequest("Insufficient information. Origin request header needed.")
    if method not in CORS_METHODS:
        raise errors.BadRequest(f"Invalid Access-Control-Request-Method: {method or 'null'}")
    wanted = [name.strip().lower() for name in request.headers.get("access-control-request-headers", "").split(",")]
    wanted = [name for name in wanted if name]
    bucket, _, key = request.path[1:].partition("/")
    about = {"Method": method, "ResourceType": "OBJECT" if key else "BUCKET"}
    is_there, rules = await call.read(_rules, unquote(bucket))
    if rules is None:
        words = NOT_ENABLED if is_there else "CORSResponse: Bucket not found"
        raise errors.AccessForbidden(words, **about)
    rule = matching_rule(rules, origin, method, wanted)
    if rule is None:
        raise errors.AccessForbidden(NOT_ALLOWED, **about)
    headers = _headers(rule, origin)
    if wanted:
        headers.append(("Access-Control-Allow-Headers", ", ".join(wanted)))
    headers += [("x-amz-request-id", call.request_id), ("x-amz-id-2", call.request_id)]
    return HttpResponse(200, headers)


def decorate(cloud: Cloud, request: HttpRequest, response: HttpResponse) -> None:
    """Tell a browser that its page may read this answer, be it an error, where a rule says so."""
    if request.method == "OPTIONS":
        return
    bucket = unquote(request.path[1:].partition("/")[0])
    (_, rules), _ = cloud.store.look(_rules, bucket)
    if rules is None:
        return
    origin = request.headers["origin"]
    rule = matching_rule(rules, origin, request.headers.get("access-control-request-method", request.method), [])
    if rule is not None:
        response.headers += _headers(rule, origin)


def _rules(tx: Transaction, name: str) -> tuple[bool, list[dict] | None]:
    """Whether there is such a bucket, and its rules."""
    bucket = buckets.find_bucket(tx, name)
    if bucket is None or "cors" not in bucket.configured:
        return bucket is not None, None
    return True, buckets.configuration(tx, bucket, "cors")["CORSRules"]


def matching_rule(rules: list[dict], origin: str, method: str, wanted: list[str]) -> dict | None:
    """The first rule that allows this origin, this method and all of these headers (lower-case names)."""
    for rule in rules:
        if method in rule["AllowedMethods"] and _allowed_origin(rule, origin) is not None:
            allowed = [pattern.lower() for pattern in rule.get("AllowedHeaders", ())]
            if all(any(_fits(pattern, name) for pattern in allowed) for name in wanted):
                return rule
    return None


def _allowed_origin(rule: dict, origin: str) -> str | None:
    """The pattern that the origin fits."""
    return next((pattern for pattern in rule["AllowedOrigins"] if _fits(pattern, origin)), None)


def _fits(pattern: str, text: str) -> bool:
    """With at most one star, for any characters or none."""
    start, star, end = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(start) + len(end) and text.startswith(start) and text.endswith(end)


def _headers(rule: dict[str, Any], origin: str) -> list[tuple[str, str]]:
    is_anybody = _allowed_origin(rule, origin) == "*"
    headers = [
        ("Access-Control-Allow-Origin", "*" if is_anybody else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"])),
    ]
    if rule.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule["ExposeHeaders"])))
    if rule.get("MaxAgeSeconds") is not None:
        headers.append(("Access-Control-Max-Age", str(rule["MaxAgeSeconds"])))
    if not is_anybody:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    return [*headers, VARY]
