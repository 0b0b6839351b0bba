"""S3's uploads from browsers: forms signed by botocore, in both versions, and what their policies forbid."""

import base64
import hashlib
import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import HmacV1PostAuth, S3SigV4PostAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from wire import ENDPOINT, ROOT, allow, client

from pileus.kernel.http import Body, HttpRequest
from pileus.services.s3.forms import MAX_FIELDS_BYTES

BIG = bytes(range(256)) * 4096
"""A MiB, so that the file goes by the streaming way."""


@pytest.fixture(autouse=True)
async def bucket(wire) -> None:
    await wire.call("s3", "CreateBucket", Bucket="bucket")


def form(fields: dict[str, str], file: bytes | None = b"content", *, name: str = "a.txt", **more) -> HttpRequest:
    return multipart(parts_of(fields, file, name), **more)


def parts_of(fields: dict[str, str], file: bytes | None, name: str = "a.txt") -> bytes:
    body = b""
    for field, value in fields.items():
        body += f'--cut\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
    if file is not None:
        body += f'--cut\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'.encode()
        body += b"Content-Type: text/plain\r\n\r\n" + file + b"\r\n"
    return body + b"--cut--\r\n"


def multipart(body: bytes, *, path: str = "/bucket", host: str = "localhost:4566", pieces: int = 0) -> HttpRequest:
    headers = {"host": host, "content-type": "multipart/form-data; boundary=cut", "content-length": str(len(body))}
    return HttpRequest("POST", path, "", headers, InPieces(body, pieces) if pieces else Body(body))


class InPieces(Body):
    """As a slow socket gives it."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = data, size

    async def __aiter__(self):
        for at in range(0, len(self._data), self._size):
            yield self._data[at : at + self._size]


def expiration(seconds: int = 600) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def policy_signed(version: int, conditions: list, *, expires: str | None = None, key=ROOT) -> dict[str, str]:
    """The fields of the signature, by botocore."""
    request = AWSRequest(method="POST", url=ENDPOINT)
    request.context["s3-presign-post-policy"] = {
        "expiration": expires or expiration(),
        "conditions": [{"bucket": "bucket"}, *conditions],
    }
    credentials = Credentials(*key)
    signer = HmacV1PostAuth(credentials) if version == 2 else S3SigV4PostAuth(credentials, "s3", "us-east-1")
    signer.add_auth(request)
    return request.context["s3-presign-post-fields"]


ANY_KEY = ["starts-with", "$key", ""]


@pytest.mark.parametrize("signature_version", ["s3", "s3v4"])
@pytest.mark.parametrize("file", [b"", b"content", BIG])
async def test_boto3s_form_puts_its_file(wire, signature_version, file):
    made = client("s3", signature_version=signature_version).generate_presigned_post("bucket", "dir/${filename}")
    assert ("AWSAccessKeyId" in made["fields"]) == (signature_version == "s3")
    answer = await wire.send(form(made["fields"], file, name="C:\\mine\\a.txt"))
    assert (answer.status, answer.body) == (204, b"")
    got = await wire.call("s3", "GetObject", Bucket="bucket", Key="dir/a.txt")
    assert got.body == file
    assert got.headers["etag"] == answer.headers["etag"]
    assert answer.headers["location"] == "http://localhost:4566/bucket/dir%2Fa.txt"


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_pieces_of_any_size_make_the_same_file(wire, size):
    file = b"x\r\n--cu\r\n--cut is no end unless at a line's start--cut\r\n-" * 3
    file = file.replace(b"\r\n--cut ", b"\r\n-cut ")
    made = client("s3").generate_presigned_post("bucket", "k")
    assert (await wire.send(form(made["fields"], file, pieces=size))).status == 204
    assert (await wire.call("s3", "GetObject", Bucket="bucket", Key="k")).body == file


async def test_a_form_to_a_buckets_own_host(wire):
    made = client("s3", ROOT, ENDPOINT, "virtual").generate_presigned_post("bucket", "k")
    assert made["url"] == "http://bucket.localhost:4566/"
    answer = await wire.send(form(made["fields"], path="/", host="bucket.localhost:4566"))
    assert (answer.status, answer.headers["location"]) == (204, "http://bucket.localhost:4566/k")


async def test_the_fields_become_what_putobjects_headers_would(wire):
    asked = {
        "key": "k",
        "Content-Type": "text/html",
        "Cache-Control": "no-store",
        "x-amz-meta-colour": "grün",
        "x-amz-storage-class": "STANDARD_IA",
        "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b c</Value></Tag></TagSet></Tagging>",
        "x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"content").to_bytes(4)).decode(),
        "x-ignore-me": "x",
    }
    signature = policy_signed(4, [ANY_KEY, *({name: value} for name, value in asked.items() if name[2:8] != "ignore")])
    answer = await wire.send(form(signature | asked, b"content"), "s3")
    head = await wire.call("s3", "HeadObject", Bucket="bucket", Key="k", ChecksumMode="ENABLED")
    assert answer.status == 204, answer
    assert (head.parsed["ContentType"], head.parsed["CacheControl"]) == ("text/html", "no-store")
    assert (head.parsed["StorageClass"], head.parsed["TagCount"]) == ("STANDARD_IA", 1)
    assert head.parsed["Metadata"]["colour"] == "=?UTF-8?B?Z3LDvG4=?="
    tags = await wire.call("s3", "GetObjectTagging", Bucket="bucket", Key="k")
    assert tags.parsed["TagSet"] == [{"Key": "a", "Value": "b c"}]


async def test_a_wrong_checksum_keeps_nothing(wire):
    for field in ({"x-amz-checksum-crc32": "AAAAAA=="}, {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}):
        signature = policy_signed(4, [ANY_KEY, field])
        for file in (b"content", BIG):
            answer = await wire.send(form(signature | {"key": "k"} | field, file), "s3")
            assert (answer.status, answer.code) == (400, "BadDigest")
    assert (await wire.call("s3", "HeadObject", Bucket="bucket", Key="k")).status == 404


# The answer


async def answered(wire, **asked: str):
    conditions = [ANY_KEY, *({name: value} for name, value in asked.items())]
    return await wire.send(form(policy_signed(2, conditions) | {"key": "a&b"} | asked))


async def test_the_answer_has_the_status_that_was_asked_for(wire):
    assert (await answered(wire, success_action_status="200")).status == 200
    assert (await answered(wire, success_action_status="404")).status == 204
    created = await answered(wire, success_action_status="201")
    assert created.status == 201
    for part in (b"<PostResponse><Location>http://localhost:4566/bucket/a%26b</Location>", b"<Key>a&amp;b</Key>"):
        assert part in created.body


async def test_the_answer_redirects_to_where_it_was_asked_to(wire):
    answer = await answered(wire, success_action_redirect="https://app.example.com/done?x=1")
    assert answer.status == 303
    etag = answer.headers["etag"].strip('"')
    assert answer.headers["location"] == (f"https://app.example.com/done?x=1&bucket=bucket&key=a%26b&etag=%22{etag}%22")
    assert (await answered(wire, success_action_redirect="nowhere")).status == 204


# Who, and what the policy allows


async def test_a_form_may_what_its_maker_may(wire):
    key = await wire.user("ann")
    signature = policy_signed(4, [ANY_KEY], key=key)
    answer = await wire.send(form(signature | {"key": "k"}), "s3")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert "s3:PutObject" in answer.message
    may = allow("s3:PutObject", Condition={"StringEquals": {"s3:authType": "POST"}})
    await wire.cloud.iam.PutUserPolicy(
        UserName="ann", PolicyName="own", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]})
    )
    assert (await wire.send(form(signature | {"key": "k"}))).status == 204


async def test_nobodys_form_is_denied(wire):
    answer = await wire.send(form({"key": "k"}), "s3")
    assert (answer.status, answer.code, answer.message) == (403, "AccessDenied", "Access Denied")


@pytest.mark.parametrize("version", [2, 4])
async def test_a_policy_must_be_signed_with_the_keys_secret(wire, version):
    signature = policy_signed(version, [ANY_KEY], key=("test", "wrong"))
    answer = await wire.send(form(signature | {"key": "k"}), "s3")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    signature = policy_signed(version, [ANY_KEY])
    other = base64.b64encode(json.dumps({"expiration": expiration(), "conditions": []}).encode()).decode()
    answer = await wire.send(form(signature | {"key": "k", "policy": other}), "s3")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    answer = await wire.send(form(policy_signed(version, [], key=("AKIANOBODY", "x")) | {"key": "k"}), "s3")
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize(
    ("conditions", "fields", "message"),
    [
        ([["starts-with", "$key", "user/"]], {"key": "other/k"}, 'Policy Condition failed: ["starts-with", "$key", "user/"]'),
        ([{"key": "k"}], {"key": "K"}, 'Policy Condition failed: ["eq", "$key", "k"]'),
        ([ANY_KEY, {"acl": "private"}], {"key": "k"}, 'Policy Condition failed: ["eq", "$acl", "private"]'),
        ([ANY_KEY], {"key": "k", "acl": "private"}, "Extra input fields: acl"),
        ([ANY_KEY, {"bucket": "other"}], {"key": "k"}, 'Policy Condition failed: ["eq", "$bucket", "other"]'),
        (
            [ANY_KEY, ["starts-with", "$Content-Type", "image/"]],
            {"key": "k", "content-type": "image/png,text/html"},
            'Policy Condition failed: ["starts-with", "$content-type", "image/"]',
        ),
    ],
)  # fmt: skip
async def test_a_form_that_its_policy_does_not_allow_is_denied(wire, conditions, fields, message):
    answer = await wire.send(form(policy_signed(2, conditions) | fields), "s3")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.message == f"Invalid according to Policy: {message}"


async def test_a_policy_ends_with_its_time(wire):
    answer = await wire.send(form(policy_signed(2, [ANY_KEY], expires=expiration(-1)) | {"key": "k"}), "s3")
    assert (answer.status, answer.message) == (403, "Invalid according to Policy: Policy expired.")


@pytest.mark.parametrize(
    ("least", "most", "size", "code"),
    [(0, 6, 7, "EntityTooLarge"), (0, 7, 7, None), (7, 9, 7, None), (8, 9, 7, "EntityTooSmall"),
     (0, 1000, len(BIG), "EntityTooLarge"), (len(BIG) + 1, len(BIG) + 2, len(BIG), "EntityTooSmall")],
)  # fmt: skip
async def test_a_policy_bounds_the_files_size(wire, least, most, size, code):
    signature = policy_signed(4, [ANY_KEY, ["content-length-range", least, most]])
    answer = await wire.send(form(signature | {"key": "k"}, BIG[:size]), "s3" if code else None)
    head = await wire.call("s3", "HeadObject", Bucket="bucket", Key="k")
    assert (answer.status, head.status) == ((400, 404) if code else (204, 200))
    if code:
        assert answer.code == code


@pytest.mark.parametrize(
    "policy",
    [
        "not JSON",
        "[]",
        '{"conditions": []}',
        '{"expiration": "soon", "conditions": []}',
        '{"expiration": "2999-01-01T00:00:00Z"}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": [{}]}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": [["content-length-range", 5]]}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": [["content-length-range", -1, 5]]}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": [["like", "$key", "k"]]}',
    ],
)
async def test_a_malformed_policy_is_refused(wire, policy):
    from pileus.authn.sigv2 import sign

    text = base64.b64encode(policy.encode()).decode()
    fields = {"key": "k", "AWSAccessKeyId": "test", "policy": text, "signature": sign("test", text)}
    answer = await wire.send(form(fields), "s3")
    assert (answer.status, answer.code) == (400, "InvalidPolicyDocument")


# Malformed forms


@pytest.mark.parametrize("missing", ["key", "policy", "signature", "AWSAccessKeyId"])
async def test_a_field_that_is_missing_is_named(wire, missing):
    fields = policy_signed(2, [ANY_KEY]) | {"key": "k"}
    fields.pop(missing)
    answer = await wire.send(form(fields), "s3")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert f"'{missing}'" in answer.message


async def test_forms_that_are_none_are_refused(wire):
    fields = policy_signed(2, [ANY_KEY]) | {"key": "k"}
    whole = parts_of(fields, b"content")
    for body, code in (
        (parts_of(fields, None), "InvalidArgument"),
        (whole[: whole.index(b"content")], "MalformedPOSTRequest"),
        (whole[: whole.index(b"\r\n--cut--")], "MalformedPOSTRequest"),
        (b"nonsense", "MalformedPOSTRequest"),
        (parts_of(fields | {"x-ignore-a": "x" * MAX_FIELDS_BYTES}, b"content"), "MaxPostPreDataLengthExceeded"),
        (whole + b"x" * (MAX_FIELDS_BYTES + 1), "MalformedPOSTRequest"),
    ):
        answer = await wire.send(multipart(body), "s3")
        assert (answer.status, answer.code) == (400, code)
    no_form = HttpRequest("POST", "/bucket", "", {"host": "localhost:4566", "content-type": "text/plain"}, Body(b"x"))
    assert (await wire.send(no_form, "s3")).code == "PreconditionFailed"
    assert (await wire.call("s3", "ListObjectsV2", Bucket="bucket")).parsed["KeyCount"] == 0


@pytest.mark.parametrize("signature_version", ["s3", "s3v4"])
async def test_a_form_may_lock_what_it_puts(wire, signature_version):
    await wire.call("s3", "CreateBucket", Bucket="locked", ObjectLockEnabledForBucket=True)
    lock = {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z"}
    signer = client("s3", signature_version=signature_version)

    async def send(**checksum: str):
        fields = {**lock, **{name.replace("_", "-"): value for name, value in checksum.items()}}
        conditions = [{name: value} for name, value in fields.items()]
        made = signer.generate_presigned_post("locked", "k", Fields=fields, Conditions=conditions)
        return await wire.send(multipart(parts_of(made["fields"], b"content"), path="/locked"))

    if signature_version == "s3":
        answer = await send(x_amz_checksum_crc32=base64.b64encode(zlib.crc32(b"content").to_bytes(4)).decode())
        assert answer.status == 400 and b"require AWS Signature Version 4" in answer.body
        return
    answer = await send()
    assert answer.status == 400 and b"required for Put Object requests with Object Lock" in answer.body
    answer = await send(x_amz_checksum_crc32=base64.b64encode(zlib.crc32(b"content").to_bytes(4)).decode())
    assert answer.status == 204
    head = await wire.call("s3", "HeadObject", Bucket="locked", Key="k")
    assert head.headers["x-amz-object-lock-mode"] == "GOVERNANCE"
    assert head.headers["x-amz-object-lock-retain-until-date"].startswith("2099-01-01T00:00:00")


@pytest.mark.parametrize("file", [b"content", BIG])
async def test_a_form_may_bring_a_customers_key(wire, file):
    """Source: API reference, "POST Object", "Server-Side Encryption Specific Request Form Fields"."""
    rule = {"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}
    await wire.call("s3", "PutBucketEncryption", Bucket="bucket", ServerSideEncryptionConfiguration={"Rules": [rule]})
    secret = b"1" * 32
    key = {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": base64.b64encode(secret).decode(),
        "x-amz-server-side-encryption-customer-key-MD5": base64.b64encode(hashlib.md5(secret).digest()).decode(),
    }
    fields = {"key": "k", **key, **policy_signed(4, [ANY_KEY, *({name: value} for name, value in key.items())])}
    answer = await wire.send(form(fields, file))
    assert answer.status == 204
    name = "x-amz-server-side-encryption-customer-key-md5"
    assert answer.headers[name] == key["x-amz-server-side-encryption-customer-key-MD5"]
    assert (await wire.call("s3", "GetObject", Bucket="bucket", Key="k")).status == 400
    got = await wire.call(
        "s3", "GetObject", Bucket="bucket", Key="k", SSECustomerAlgorithm="AES256", SSECustomerKey=secret
    )
    assert (got.body, got.headers[name]) == (file, answer.headers[name])
