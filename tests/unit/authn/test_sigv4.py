"""Signatures against botocore's own signers, and every refusal with AWS's code and words."""

import hashlib
import hmac
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from signed_requests import ACCESS_KEY, SECRET, signed_by_botocore

from pileus.authn import sigv4
from pileus.authn.canonical import canonical_request
from pileus.authn.signed import Signed
from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check(request: HttpRequest, body: bytes = b"", *, dialect="query", secret=SECRET, later_ms=0) -> Signed:
    signed = sigv4.read(request, dialect)
    sigv4.verify(request, signed, secret, signed.signed_ms + later_ms, sha256(body))
    return signed


def refused(request: HttpRequest, body: bytes = b"", **how) -> AwsError:
    with pytest.raises(AwsError) as caught:
        check(request, body, **how)
    return caught.value


# Characters that clients send: letters, blanks, reserved ones, other scripts.
texts = st.text(st.sampled_from("aZ09-_.~ +/%&=?:@!$'()*,;üß漢😀"), max_size=12)
words = st.text(st.sampled_from("abcXYZ019-_"), min_size=1, max_size=8)
methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"])
header_values = st.text(st.sampled_from("ab  \t,;=éà"), max_size=10).map(lambda text: "x" + text + "y")
headers = st.lists(st.tuples(words.map(lambda word: "x-amz-meta-" + word.lower()), header_values), max_size=3)
queries = st.lists(st.tuples(words, texts), max_size=4)


def query_text(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)


@given(methods, st.lists(texts, max_size=4), queries, headers, st.binary(max_size=40))
@settings(max_examples=150, deadline=None)
def test_what_botocore_signs_in_headers_is_genuine(method, segments, pairs, extra, body):
    path = "/" + "/".join(quote(segment, safe="~") for segment in segments)
    url = f"https://api.example.com{path}?{query_text(pairs)}"
    request = signed_by_botocore("header", method=method, url=url, headers=extra, body=body, service="lambda")
    assert check(request, body).service == "lambda"


@given(methods, texts, queries, headers, st.binary(max_size=40))
@settings(max_examples=150, deadline=None)
def test_what_botocore_signs_for_s3_is_genuine(method, key, pairs, extra, body):
    url = f"https://bucket.s3.amazonaws.com/{quote(key, safe='/~')}?{query_text(pairs)}"
    request = signed_by_botocore("s3-header", method=method, url=url, headers=extra, body=body, service="s3")
    assert check(request, body, dialect="s3").kind == "header"


@given(methods, texts, st.dictionaries(words, texts.filter(bool), max_size=3), st.integers(1, 604_800))
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("kind", ["query", "s3-query"])
def test_what_botocore_presigns_is_genuine(kind, method, key, parameters, expires):
    url = f"https://bucket.s3.amazonaws.com/{quote(key, safe='/~')}?{query_text(list(parameters.items()))}"
    service = "s3" if kind == "s3-query" else "sts"
    request = signed_by_botocore(kind, method=method, url=url, service=service, token="a+b/c=", expires=expires)
    signed = check(request, dialect="s3" if service == "s3" else "query")
    assert (signed.kind, signed.session_token, signed.expires_s) == ("presigned", "a+b/c=", expires)


@given(st.data())
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("kind", ["header", "s3-header", "s3-query"])
def test_no_changed_character_is_let_through(kind, data):
    service, dialect = ("s3", "s3") if kind.startswith("s3") else ("sqs", "query")
    url = "https://bucket.s3.amazonaws.com/a/key?list-type=2&prefix=x"
    body = b"" if kind == "s3-query" else b"hello"
    request = signed_by_botocore(kind, url=url, method="PUT", body=body, service=service)
    check(request, body, dialect=dialect)

    part = data.draw(st.sampled_from(["method", "path", "query", "host", "signature", "secret"]))
    secret = SECRET
    if part == "secret":
        secret = _flipped(data, SECRET)
    elif part == "host":
        request.headers["host"] = _flipped(data, request.headers["host"])
    elif part == "signature":
        at = data.draw(st.integers(1, 64))
        place = request.headers if kind != "s3-query" else None
        text = place["authorization"] if place else request.query
        digit = text[-at]
        text = text[: len(text) - at] + ("0" if digit != "0" else "1") + text[len(text) - at + 1 :]
        request = replace_authorization(request, text, place is not None)
    elif part == "method":
        request = replace(request, method="GET")
    else:
        old = getattr(request, part)
        end = old.index("&X-Amz-Algorithm") if kind == "s3-query" and part == "query" else len(old)
        request = replace(request, **{part: _flipped(data, old[:end]) + old[end:]})
    error = refused(request, body, dialect=dialect, secret=secret)
    assert error.code == "SignatureDoesNotMatch"


def _flipped(data, text: str) -> str:
    """One letter or digit changed; the separators stay, for `a//b` is the same path as `a/b`."""
    places = [index for index, character in enumerate(text) if character.isalnum()]
    at = data.draw(st.sampled_from(places))
    return text[:at] + ("q" if text[at] != "q" else "w") + text[at + 1 :]


def replace_authorization(request: HttpRequest, text: str, in_header: bool) -> HttpRequest:
    if in_header:
        return replace(request, headers={**request.headers, "authorization": text})
    return replace(request, query=text)


def test_another_body_is_refused():
    request = signed_by_botocore("header", body=b"hello")
    assert refused(request, b"hellO").code == "SignatureDoesNotMatch"


def test_s3_names_the_hashes_when_the_body_is_another():
    request = signed_by_botocore("s3-header", method="PUT", url="https://b.s3.amazonaws.com/k", body=b"x", service="s3")
    request = replace(request, headers={**request.headers, "x-amz-content-sha256": sha256(b"x")})
    error = refused(request, b"y", dialect="s3")
    assert (error.code, error.status) == ("XAmzContentSHA256Mismatch", 400)
    assert error.fields == {"ClientComputedContentSHA256": sha256(b"x"), "S3ComputedContentSHA256": sha256(b"y")}


@pytest.mark.parametrize(
    ("dialect", "code", "status"),
    [
        ("query", "SignatureDoesNotMatch", 403),
        ("json", "InvalidSignatureException", 400),
        ("rest-json", "InvalidSignatureException", 403),
    ],
)
def test_each_protocol_has_its_own_code_for_a_wrong_secret(dialect, code, status):
    error = refused(signed_by_botocore("header"), dialect=dialect, secret="other")
    assert (error.code, error.status) == (code, status)
    assert error.message.startswith(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method."
    )


def test_s3_shows_what_it_would_have_signed():
    request = signed_by_botocore("s3-header", method="GET", url="https://b.s3.amazonaws.com/k", service="s3")
    error = refused(request, dialect="s3", secret="other")
    assert error.fields["AWSAccessKeyId"] == ACCESS_KEY
    assert error.fields["StringToSign"].startswith("AWS4-HMAC-SHA256\n")
    assert error.fields["CanonicalRequest"].startswith("GET\n/k\n")


MINUTE_MS = 60_000


@pytest.mark.parametrize("later_ms", [15 * MINUTE_MS, -15 * MINUTE_MS])
def test_fifteen_minutes_of_skew_are_allowed(later_ms):
    check(signed_by_botocore("header"), later_ms=later_ms)


def test_an_older_signature_is_expired_and_a_later_one_not_yet_current():
    request = signed_by_botocore("header")
    late = refused(request, later_ms=15 * MINUTE_MS + 1)
    assert late.code == "SignatureDoesNotMatch"
    assert late.message.startswith("Signature expired: 20")
    assert late.message.endswith(" - 15 min.)")
    early = refused(request, later_ms=-15 * MINUTE_MS - 1)
    assert early.message.startswith("Signature not yet current: 20")


def test_s3_calls_it_skewed_and_says_by_how_much():
    request = signed_by_botocore("s3-header", method="GET", url="https://b.s3.amazonaws.com/k", service="s3")
    error = refused(request, dialect="s3", later_ms=15 * MINUTE_MS + 1)
    assert (error.code, error.status) == ("RequestTimeTooSkewed", 403)
    assert error.fields["MaxAllowedSkewMilliseconds"] == "900000"


def test_a_presigned_url_holds_until_its_last_second():
    options = {"method": "GET", "url": "https://b.s3.amazonaws.com/k", "service": "s3", "expires": 60}
    request = signed_by_botocore("s3-query", **options)
    check(request, dialect="s3", later_ms=60_000)
    error = refused(request, dialect="s3", later_ms=60_001)
    assert (error.code, error.message, error.fields["X-Amz-Expires"]) == ("AccessDenied", "Request has expired", "60")
    early = refused(request, dialect="s3", later_ms=-15 * MINUTE_MS - 1)
    assert (early.code, early.message) == ("AccessDenied", "Request is not yet valid")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("604801", "X-Amz-Expires must be less than a week (in seconds)"),
        ("-1", "X-Amz-Expires must be non-negative"),
        ("soon", "X-Amz-Expires should be a number"),
    ],
)
def test_a_presigned_url_lives_a_week_at_most(value, words):
    options = {"method": "GET", "url": "https://b.s3.amazonaws.com/k", "service": "s3", "expires": value}
    error = refused(signed_by_botocore("s3-query", **options), dialect="s3")
    assert (error.code, error.status) == ("AuthorizationQueryParametersError", 400)
    assert error.message.startswith(words)


def test_a_presigned_url_without_one_of_its_parameters_is_refused():
    request = signed_by_botocore("s3-query", method="GET", url="https://b.s3.amazonaws.com/k", service="s3")
    query = "&".join(pair for pair in request.query.split("&") if not pair.startswith("X-Amz-Expires"))
    error = refused(replace(request, query=query), dialect="s3")
    assert error.code == "AuthorizationQueryParametersError"
    assert error.message.startswith("Query-string authentication version 4 requires")


def test_s3_refuses_amz_headers_that_were_not_signed():
    request = signed_by_botocore("s3-query", method="PUT", url="https://b.s3.amazonaws.com/k", service="s3")
    request.headers["x-amz-acl"] = "public-read"
    error = refused(request, dialect="s3")
    assert (error.code, error.fields) == ("AccessDenied", {"HeadersNotSigned": "x-amz-acl"})


def test_s3_asks_for_the_payload_header():
    request = signed_by_botocore("s3-header", method="GET", url="https://b.s3.amazonaws.com/k", service="s3")
    del request.headers["x-amz-content-sha256"]
    assert refused(request, dialect="s3").message == "Missing required header for this request: x-amz-content-sha256"


def test_the_host_must_be_signed():
    request = signed_by_botocore("header")
    text = request.headers["authorization"].replace("host;", "")
    error = refused(replace_authorization(request, text, True))
    assert error.message == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."


def test_the_scopes_date_is_the_signatures():
    request = signed_by_botocore("header")
    day = request.headers["x-amz-date"][:8]
    text = request.headers["authorization"].replace(f"/{day}/", "/20200101/")
    error = refused(replace_authorization(request, text, True))
    assert error.message.startswith("Date in Credential scope does not match YYYYMMDD")


@pytest.mark.parametrize("between", [",", ", ", " ", "  "])
def test_parts_are_told_apart_by_commas_or_spaces(between):
    request = signed_by_botocore("header")
    text = request.headers["authorization"].replace(", ", between)
    assert check(replace_authorization(request, text, True)) == check(request)


def test_a_signature_is_too_old_before_its_scope_is_wrong():
    request = signed_by_botocore("header")
    day = request.headers["x-amz-date"][:8]
    text = request.headers["authorization"].replace(f"/{day}/", "/2/")
    request = replace_authorization(request, text, True)
    assert refused(request, later_ms=900_000).message.startswith("Date in Credential scope does not match YYYYMMDD")
    assert refused(request, later_ms=900_001).message.startswith("Signature expired: ")


@pytest.mark.parametrize(
    ("authorization", "dialect", "code", "words"),
    [
        ("AWS4-HMAC-SHA256 Credential=a/b", "query", "IncompleteSignature", "requires 'Signature' parameter"),
        ("AWS4-HMAC-SHA256 Credential=a/b", "json", "IncompleteSignatureException", "requires 'SignedHeaders'"),
        ("AWS4-HMAC-SHA256 Credential=a/b", "s3", "AuthorizationHeaderMalformed", "three components"),
        (
            "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00",
            "query",
            "IncompleteSignature",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c'",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00",
            "s3",
            "AuthorizationHeaderMalformed",
            "the Credential is mal-formed",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/20200101/r/s/aws3_request, SignedHeaders=host, Signature=00",
            "query",
            "SignatureDoesNotMatch",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3_request'.",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/20200101/r/s/aws4_request, SignedHeaders=host, Signature=00",
            "query",
            "IncompleteSignature",
            "requires existence of either a 'X-Amz-Date' or a 'Date' header",
        ),
        ("AWS key:signature=", "s3", "InvalidRequest", "Please use AWS4-HMAC-SHA256."),
        ("AWS key:signature=", "query", "IncompleteSignature", "Signature Version 2 is not supported"),
    ],
)
def test_a_malformed_signature_is_named(authorization, dialect, code, words):
    request = HttpRequest("GET", "/", headers={"host": "example.com", "authorization": authorization})
    with pytest.raises(AwsError) as caught:
        sigv4.read(request, dialect)
    assert caught.value.code == code
    assert words in caught.value.message


def test_a_url_of_signature_version_2_is_refused():
    request = HttpRequest("GET", "/b/k", "AWSAccessKeyId=A&Expires=1&Signature=x", {"host": "example.com"})
    with pytest.raises(AwsError) as caught:
        sigv4.read(request, "s3")
    assert caught.value.code == "InvalidRequest"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer abc"}, {"authorization": "Basic abc"}])
def test_a_request_without_a_signature_is_anonymous(headers):
    assert sigv4.read(HttpRequest("GET", "/", "X-Amz-Meta=1", {"host": "example.com", **headers})) is None


def test_the_parts_of_the_header_may_come_in_another_order():
    request = signed_by_botocore("header")
    algorithm, _, rest = request.headers["authorization"].partition(" ")
    text = f"{algorithm} " + ",".join(reversed(rest.split(", ")))
    check(replace_authorization(request, text, True))


def test_an_http_date_serves_as_well():
    """The request of the general reference's older examples: a Date header, signed in place of x-amz-date."""
    headers = {"host": "example.com", "date": "Fri, 24 May 2013 00:00:00 GMT"}
    canonical = canonical_request("GET", "/", "", headers, ("date", "host"), sha256(b""))
    scope = "20130524/us-east-1/iam/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n20130524T000000Z\n{scope}\n{sha256(canonical.encode())}"
    key = sigv4.signing_key(SECRET, "20130524", "us-east-1", "iam")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders=date;host, Signature={signature}"
    )
    assert check(HttpRequest("GET", "/", headers=headers)).timestamp == "20130524T000000Z"


def test_the_example_of_the_s3_reference_verifies():
    """S3 API reference, "Signature Calculations for the Authorization Header", GET Object."""
    empty = sha256(b"")
    request = HttpRequest(
        "GET",
        "/test.txt",
        headers={
            "host": "examplebucket.s3.amazonaws.com",
            "range": "bytes=0-9",
            "x-amz-content-sha256": empty,
            "x-amz-date": "20130524T000000Z",
            "authorization": (
                f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20130524/us-east-1/s3/aws4_request,"
                "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
            ),
        },
    )
    check(request, dialect="s3")
