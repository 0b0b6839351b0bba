"""What AWS answers when it can't tell who calls. Codes and words differ between S3, JSON and query services.

Sources: "Common errors" of the SQS, DynamoDB and Lambda API references; S3 API reference, "Error responses"; recorded
answers for the wording.
"""

from typing import Literal

from pileus.kernel.errors import AwsError

Dialect = Literal["query", "json", "rest-json", "s3"]
"""json: JSON 1.0 and 1.1 and CBOR, which answer 400; rest-json and query answer 403."""

Reason = Literal["missing", "unknown key", "invalid token", "expired token", "mismatch", "incomplete"]

_INVALID_TOKEN = "The security token included in the request is invalid."
_MISMATCH = "The request signature we calculated does not match the signature you provided. Check your "

_CODES: dict[Reason, tuple[str, str, str]] = {  # query, JSON, S3
    "missing": ("MissingAuthenticationToken", "MissingAuthenticationTokenException", "AccessDenied"),
    "unknown key": ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"),
    "invalid token": ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken"),
    "expired token": ("ExpiredToken", "ExpiredTokenException", "ExpiredToken"),
    "mismatch": ("SignatureDoesNotMatch", "InvalidSignatureException", "SignatureDoesNotMatch"),
    "incomplete": ("IncompleteSignature", "IncompleteSignatureException", "AuthorizationHeaderMalformed"),
}
_WORDS: dict[Reason, tuple[str, str]] = {  # S3 and the others
    "missing": ("Access Denied", "Request is missing Authentication Token"),
    "unknown key": ("The AWS Access Key Id you provided does not exist in our records.", _INVALID_TOKEN),
    "invalid token": ("The provided token is malformed or otherwise invalid.", _INVALID_TOKEN),
    "expired token": ("The provided token has expired.", "The security token included in the request is expired"),
    "mismatch": (
        _MISMATCH + "key and signing method.",
        _MISMATCH + "AWS Secret Access Key and signing method. Consult the service documentation for details.",
    ),
    "incomplete": ("The authorization header is malformed.", "The request signature is incomplete."),
}


def refusal(dialect: Dialect, reason: Reason, message: str | None = None, **fields) -> AwsError:
    query, json, s3 = _CODES[reason]
    if dialect == "s3":
        code, words = s3, _WORDS[reason][0]
        status = 400 if reason in ("invalid token", "expired token", "incomplete") else 403
    else:
        code, words = json if "json" in dialect else query, _WORDS[reason][1]
        status = 400 if dialect == "json" or reason == "incomplete" else 403
    return AwsError(words if message is None else message, code=code, status=status, **fields)


def signature_version_2(dialect: Dialect) -> AwsError:
    """S3's answer in every region newer than 2014; the others have no agreed one, so theirs is in our words."""
    if dialect == "s3":
        return AwsError(
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            code="InvalidRequest",
            status=400,
        )
    return refusal(dialect, "incomplete", "Signature Version 2 is not supported. Please use AWS4-HMAC-SHA256.")
