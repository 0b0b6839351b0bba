"""The policy of a form: who signed it, until when it holds, and what it says of the fields.

Source: S3 API reference, "Browser-Based Uploads Using POST (AWS Signature Version 4)", "POST Policy"; user guide,
"Browser-based uploads using POST (AWS signature version 2)"; the wording is that of recorded answers.
"""

import base64
import binascii
import hmac
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from pileus.authn import sigv2, sigv4
from pileus.authn.refusals import refusal
from pileus.services.s3 import errors

_UNCONDITIONED = frozenset({"awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"})
_OF_VERSION_2 = ("policy", "AWSAccessKeyId", "signature")
_OF_VERSION_4 = ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
_OPERATORS = ("eq", "starts-with")


class Signature(NamedTuple):
    """As a form claims it. `scope` is (date, region, service) of version 4, None of version 2."""

    access_key_id: str
    signature: str
    session_token: str | None
    scope: tuple[str, str, str] | None

    @property
    def version(self) -> str:
        return "AWS" if self.scope is None else "AWS4-HMAC-SHA256"

    def verify(self, policy: str, secret_key: str) -> None:
        """Raises SignatureDoesNotMatch. What is signed is the policy's base64."""
        if self.scope is None:
            expected = sigv2.sign(secret_key, policy.encode())
        else:
            expected = hmac.digest(sigv4.signing_key(secret_key, *self.scope), policy.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), self.signature.encode()):
            raise refusal(
                "s3",
                "mismatch",
                AWSAccessKeyId=self.access_key_id,
                StringToSign=policy,
                SignatureProvided=self.signature,
                StringToSignBytes=policy.encode().hex(" "),
            )


def signature_in(fields: dict[str, str]) -> Signature | None:
    """None: nobody signed the form. Raises InvalidArgument where half of it is missing."""
    is_v4 = "x-amz-signature" in fields or "x-amz-credential" in fields
    needed = _OF_VERSION_4 if is_v4 else _OF_VERSION_2
    if not any(spelled.lower() in fields for spelled in needed):
        return None
    for spelled in needed:
        if not fields.get(spelled.lower()):
            raise errors.InvalidArgument(
                f"Bucket POST must contain a field named '{spelled}'.  If it is specified, please check the order of "
                "the fields.",
                ArgumentName=spelled,
                ArgumentValue="",
            )
    token = fields.get("x-amz-security-token")
    if not is_v4:
        return Signature(fields["awsaccesskeyid"], fields["signature"], token, None)
    key_id, *scope = _credential(fields)
    return Signature(key_id, fields["x-amz-signature"], token, tuple(scope))


def _credential(fields: dict[str, str]) -> tuple[str, str, str, str]:
    """Key id, date, region, service."""
    if fields["x-amz-algorithm"] != sigv4.HMAC:
        raise errors.InvalidArgument(
            "Only AWS4-HMAC-SHA256 is supported for x-amz-algorithm.",
            ArgumentName="x-amz-algorithm",
            ArgumentValue=fields["x-amz-algorithm"],
        )
    parts = fields["x-amz-credential"].rsplit("/", 4)
    is_whole = len(parts) == 5 and parts[3:] == ["s3", "aws4_request"] and fields["x-amz-date"].startswith(parts[1])
    if not is_whole or len(parts[1]) != 8:
        raise errors.InvalidArgument(
            'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
            ArgumentName="x-amz-credential",
            ArgumentValue=fields["x-amz-credential"],
        )
    return parts[0], parts[1], parts[2], parts[3]


class Sizes(NamedTuple):
    min_bytes: int = 0
    max_bytes: int | None = None


def check(policy: str, fields: dict[str, str], now_ms: int) -> Sizes:
    """Return what size the file may have, if the policy allows these fields now.

    fields  of the form, with "bucket" as the request names it and ${filename} filled in
    errors  AccessDenied: expired, a condition fails, a field without a condition; InvalidPolicyDocument
    """
    document = _document(policy)
    if now_ms >= _expiration_ms(document):
        raise _not_allowed("Policy expired.")
    sizes, conditioned = Sizes(), set()
    for condition in _conditions(document):
        operator, name, value = condition
        if operator == "content-length-range":
            sizes = Sizes(max(sizes.min_bytes, name), value if sizes.max_bytes is None else min(sizes.max_bytes, value))
            continue
        conditioned.add(name)
        if not _holds(operator, name, fields.get(name), value):
            told = orjson.dumps([operator, f"${name}", value]).decode().replace('","', '", "')
            raise _not_allowed(f"Policy Condition failed: {told}")
    extra = [n for n in fields if n not in conditioned and n not in _UNCONDITIONED and not n.startswith("x-ignore-")]
    if extra:
        raise _not_allowed(f"Extra input fields: {', '.join(sorted(extra))}")
    return sizes


def _not_allowed(why: str) -> errors.AccessDenied:
    return errors.AccessDenied(f"Invalid according to Policy: {why}")


def _invalid(why: str) -> errors.InvalidPolicyDocument:
    return errors.InvalidPolicyDocument(f"Invalid Policy: {why}")


def _document(policy: str) -> dict:
    try:
        document = orjson.loads(base64.b64decode(policy, validate=True))
    except (binascii.Error, ValueError):
        raise _invalid("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON.")
    return document


def _expiration_ms(document: dict) -> float:
    text = document.get("expiration")
    if not isinstance(text, str):
        raise _invalid("Policy missing expiration.")
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() * 1000
        except ValueError:
            continue
    raise _invalid(f"Invalid 'expiration' value: '{text}'")


def _conditions(document: dict) -> list[tuple[str, Any, Any]]:
    """(operator, field in lower case, value), or ("content-length-range", least, most)."""
    given = document.get("conditions")
    if not isinstance(given, list):
        raise _invalid("Policy missing conditions.")
    found: list[tuple[str, Any, Any]] = []
    for one in given:
        if isinstance(one, dict) and one and all(isinstance(value, str) for value in one.values()):
            found += [("eq", name.lower(), value) for name, value in one.items()]
        elif isinstance(one, list) and len(one) == 3 and isinstance(one[0], str):
            found.append(_listed(one[0].lower(), one[1], one[2]))
        else:
            raise _invalid(f"Invalid condition: {orjson.dumps(one).decode()}.")
    return found


def _listed(operator: str, name: Any, value: Any) -> tuple[str, Any, Any]:
    if operator == "content-length-range":
        try:
            least, most = int(name), int(value)
        except (TypeError, ValueError):
            least, most = -1, -1
        if not 0 <= least <= most:
            raise _invalid("Invalid content-length-range.")
        return operator, least, most
    if operator not in _OPERATORS or not isinstance(name, str) or not name.startswith("$"):
        raise _invalid(f"Invalid condition: {orjson.dumps([operator, name, value]).decode()}.")
    if not isinstance(value, str):
        raise _invalid("Invalid value in a condition.")
    return operator, name[1:].lower(), value


def _holds(operator: str, name: str, given: str | None, value: str) -> bool:
    if given is None:
        return operator == "starts-with" and value == ""
    if operator == "eq":
        return given == value
    # Content types may come as a list, each of which must fit.
    each = given.split(",") if name == "content-type" else [given]
    return all(one.strip().startswith(value) for one in each)
