"""Cross-origin requests: which rule allows what, and what the answers say."""

import pytest

from pileus.kernel.http import HttpRequest
from pileus.services.s3.cors import matching_rule

SITE = "https://app.example.com"
RULES = [
    {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.example.com"], "ExposeHeaders": ["ETag", "x-amz-a"]},
    {
        "AllowedMethods": ["PUT", "POST"],
        "AllowedOrigins": [SITE],
        "AllowedHeaders": ["x-amz-*", "Content-Type"],
        "MaxAgeSeconds": 3000,
    },
    {"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]},
]


@pytest.fixture
async def send(cloud, bucket):
    """A request of a browser, over HTTP: status, headers by lower-case name, body."""
    await cloud.s3.PutBucketCors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})

    async def send(method: str, path: str = "/box/k", **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await cloud.pileus.gateway.handle(HttpRequest(method, path, "", {"host": "localhost:4566", **named}))
        return response.status, {name.lower(): value for name, value in response.headers}, response.body

    return send


async def test_a_preflight_is_told_what_its_rule_allows(send):
    asked = {"access_control_request_method": "PUT", "access_control_request_headers": "Content-Type, X-Amz-Meta-One"}
    status, headers, body = await send("OPTIONS", origin=SITE, **asked)
    assert (status, body) == (200, b"")
    allowed = {name: value for name, value in headers.items() if name.startswith("access-control-") or name == "vary"}
    assert allowed == {
        "access-control-allow-origin": SITE,
        "access-control-allow-methods": "PUT, POST",
        "access-control-allow-headers": "content-type, x-amz-meta-one",
        "access-control-allow-credentials": "true",
        "access-control-max-age": "3000",
        "vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": SITE, "access_control_request_method": "DELETE"},
        {"origin": "https://example.org", "access_control_request_method": "GET"},
        {"origin": SITE, "access_control_request_method": "PUT", "access_control_request_headers": "authorization"},
    ],
)
async def test_what_no_rule_allows_is_forbidden(send, asked):
    status, headers, body = await send("OPTIONS", **asked)
    assert status == 403
    assert b"<Code>AccessForbidden</Code><Message>CORSResponse: This CORS request is not allowed." in body
    assert b"<ResourceType>OBJECT</ResourceType>" in body
    assert "access-control-allow-origin" not in headers


async def test_buckets_without_rules_and_buckets_that_are_not_there_allow_nothing(cloud, send):
    asked = {"origin": SITE, "access_control_request_method": "GET"}
    await cloud.s3.CreateBucket(Bucket="plain")
    assert b"CORS is not enabled for this bucket" in (await send("OPTIONS", "/plain", **asked))[2]
    assert b"Bucket not found" in (await send("OPTIONS", "/nowhere", **asked))[2]


async def test_a_preflight_says_who_wants_what(send):
    for asked in ({}, {"origin": SITE}, {"origin": SITE, "access_control_request_method": "LINK"}):
        status, _, body = await send("OPTIONS", **asked)
        assert (status, b"<Code>BadRequest</Code>" in body) == (400, True)


async def test_the_answer_itself_says_so_too_even_a_denial(cloud, send):
    status, headers, _ = await send("GET", origin=SITE)
    assert status == 403
    assert headers["access-control-allow-origin"] == SITE
    assert headers["access-control-allow-methods"] == "GET"
    assert headers["access-control-expose-headers"] == "ETag, x-amz-a"
    assert "access-control-allow-headers" not in headers
    _, headers, _ = await send("HEAD", origin="https://example.org")
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers


async def test_without_an_origin_or_a_rule_the_answer_says_nothing_of_it(send):
    for headers in ({}, {"origin": "https://example.org"}):
        assert "access-control-allow-origin" not in (await send("GET", **headers))[1]


@pytest.mark.parametrize(
    ("pattern", "origin", "fits"),
    [
        ("*", "http://a", True),
        ("http://a", "http://a", True),
        ("http://a", "http://ab", False),
        ("start*end", "startend", True),
        ("start*end", "start1end", True),
        ("start*end", "0startend", False),
        ("starte*end", "startend", False),
        ("*.b", "http://a.b.c", False),
    ],
)
def test_an_origin_fits_a_pattern_of_one_star(pattern, origin, fits):
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": [pattern]}]
    assert (matching_rule(rules, origin, "GET", []) is not None) == fits
