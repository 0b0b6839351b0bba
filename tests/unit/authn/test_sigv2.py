"""Signature Version 2 against botocore's own signers."""

import time
from email.utils import formatdate

import pytest
from botocore import auth
from botocore.auth import HmacV1Auth, HmacV1PostAuth, HmacV1QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from signed_requests import ACCESS_KEY, SECRET, as_received

from pileus.authn import sigv2, sigv4
from pileus.authn.signed import Signed
from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest

URL = "http://localhost:4566/bucket/a%20b/k%C3%BC"


def signed(signer, method="GET", url=URL, headers=(), token=None, auth_path=None) -> HttpRequest:
    request = AWSRequest(method=method, url=url, headers=dict(headers), auth_path=auth_path)
    signer.credentials = Credentials(ACCESS_KEY, SECRET, token)
    signer.add_auth(request)
    received = as_received(request)
    if isinstance(signer, HmacV1QueryAuth):  # a URL: whoever uses it sends no headers of its maker's
        received.headers = {"host": "localhost:4566"}
    return received


def check(request: HttpRequest, *, secret=SECRET, now_ms=None) -> Signed:
    found = sigv4.read(request, "s3", takes_v2=True)
    sigv4.verify(request, found, secret, int(time.time() * 1000) if now_ms is None else now_ms)
    return found


def refused(request: HttpRequest, **how) -> AwsError:
    with pytest.raises(AwsError) as caught:
        check(request, **how)
    return caught.value


REQUESTS = [
    {"method": "GET"},
    {"method": "PUT", "headers": {"Content-Type": "text/plain", "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}},
    {"method": "PUT", "headers": {"X-Amz-Meta-Two": "2", "x-amz-acl": "private", "x-amz-meta-One": "a  b"}},
    {"method": "GET", "url": URL + "?versionId=abc&response-content-type=a%2Fb%3B%20c&foo=bar"},
    {"method": "GET", "url": "http://localhost:4566/bucket?acl", "auth_path": "/bucket/"},
    {"method": "GET", "url": "http://localhost:4566/bucket?prefix=x", "auth_path": "/bucket"},
    {"method": "PUT", "url": URL + "?uploadId=u%2Bv&partNumber=3"},
    {"method": "GET", "token": "token+/="},
    {"method": "GET", "url": "http://localhost:4566/"},
]


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize("signer", [HmacV1Auth, HmacV1QueryAuth])
def test_what_botocore_signs_is_genuine_and_with_another_secret_is_not(signer, request_of):
    request = signed(signer(None), **request_of)
    found = check(request)
    assert (found.access_key_id, found.session_token) == (ACCESS_KEY, request_of.get("token"))
    assert refused(request, secret="other").code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("signer", [HmacV1Auth, HmacV1QueryAuth])
def test_method_path_sub_resource_and_amz_headers_are_signed(signer):
    for change in (
        {"method": "DELETE"},
        {"path": "/bucket/other"},
        {"headers": {"x-amz-acl": "public-read"}},
        {"headers": {"content-type": "text/html"}},
    ):
        request = signed(signer(None))
        for name, value in change.items():
            setattr(request, name, {**request.headers, **value} if name == "headers" else value)
        assert refused(request).code == "SignatureDoesNotMatch", change
    request = signed(signer(None))
    request.query = f"{request.query}&acl" if request.query else "acl"
    assert refused(request).code == "SignatureDoesNotMatch"


def test_a_url_ends_with_its_second():
    request = signed(HmacV1QueryAuth(None, expires=60))
    expires_ms = int(request.query.split("Expires=")[1].split("&")[0]) * 1000
    check(request, now_ms=expires_ms)
    error = refused(request, now_ms=expires_ms + 1)
    assert (error.code, error.status, error.message) == ("AccessDenied", 403, "Request has expired")
    assert set(error.fields) == {"Expires", "ServerTime"}


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_header_is_good_for_a_quarter_of_an_hour(minutes, monkeypatch):
    at_s = int(time.time())
    monkeypatch.setattr(auth, "formatdate", lambda usegmt: formatdate(at_s, usegmt=True))
    request = signed(HmacV1Auth(None))
    check(request, now_ms=(at_s + minutes // 16 * 900) * 1000)
    assert refused(request, now_ms=(at_s + minutes // 16 * 901) * 1000).code == "RequestTimeTooSkewed"


def test_an_amz_date_takes_the_place_of_the_date():
    """The date's line is empty then; the guide's own example of it."""
    date = formatdate(usegmt=True)
    to_sign = f"DELETE\n\n\n\nx-amz-date:{date}\n/bucket/k"
    headers = {"date": "Tue, 27 Mar 2007 21:20:27 GMT", "x-amz-date": date}
    headers["authorization"] = f"AWS {ACCESS_KEY}:{sigv2.sign(SECRET, to_sign)}"
    check(HttpRequest("DELETE", "/bucket/k", "", headers))


def test_the_guides_example_has_the_guides_signature():
    to_sign = "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg"
    assert sigv2.sign(SECRET, to_sign) == "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="


def test_a_forms_policy_is_signed_like_botocores():
    request = AWSRequest(method="POST", url=URL)
    request.context["s3-presign-post-policy"] = {"expiration": "2030-01-01T00:00:00Z", "conditions": []}
    HmacV1PostAuth(Credentials(ACCESS_KEY, SECRET)).add_auth(request)
    fields = request.context["s3-presign-post-fields"]
    assert sigv2.sign(SECRET, fields["policy"]) == fields["signature"]


def test_what_is_malformed_is_refused_in_s3s_words():
    def get(query="", **headers):
        return HttpRequest("GET", "/bucket/k", query, headers)

    assert refused(get(authorization="AWS nonsense")).code == "InvalidArgument"
    assert refused(get(authorization="AWS a:b=")).message.endswith("valid Date or x-amz-date header")
    assert refused(get("AWSAccessKeyId=a&Signature=b")).message.startswith("Query-string authentication requires")
    assert refused(get("AWSAccessKeyId=a&Signature=b&Expires=soon")).message.startswith("Invalid date")


@pytest.mark.parametrize("dialect", ["query", "json", "rest-json", "s3"])
def test_services_that_do_not_take_it_refuse_it(dialect):
    for request in (signed(HmacV1Auth(None)), signed(HmacV1QueryAuth(None))):
        with pytest.raises(AwsError, match="AWS4-HMAC-SHA256"):
            sigv4.read(request, dialect)
