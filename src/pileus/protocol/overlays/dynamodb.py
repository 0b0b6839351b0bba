"""DynamoDB prefixes its error types, speaks compressed, and reads attribute values itself: each is walked once.

Source: DynamoDB developer guide, "Error handling", "Error components"; AWS SDKs and tools reference guide, "Request
compression"; recorded answers (what is compressed, the header "Server", the bodies that are empty).
"""

from . import Overlay

OVERLAY = Overlay(
    error_namespace="com.amazonaws.dynamodb.v20120810",
    plain_namespaces={"ValidationException": "com.amazon.coral.validate", "": "com.amazon.coral.service"},
    opaque=frozenset({"AttributeValue"}),
    headers=(("Server", "Server"),),
    has_empty_answers=True,
    body_limit_bytes=16 << 20,
    codings=("gzip", "deflate"),
    coded_from_bytes=4096,
    takes_preflights=True,
)
