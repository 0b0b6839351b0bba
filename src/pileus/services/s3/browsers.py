"""What browsers send to S3 that is no operation of its model: preflights, and forms with a file.

A form becomes a PutObject of whoever signed its policy: the policy says what the form may ask, and permissions say
what its maker may. Source: S3 API reference, "POST Object" and "Browser-Based Uploads Using POST".
"""

import re
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree

from msgspec.structs import replace

from pileus.kernel.call import Call
from pileus.kernel.http import Body, HttpRequest, HttpResponse
from pileus.protocol import models
from pileus.protocol.xml import escape
from pileus.services.s3 import cors, errors, post_policy
from pileus.services.s3.forms import Form, is_form, read_form
from pileus.store.blobs import INLINE_MAX_BYTES

_AS_HEADERS = frozenset(
    [
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "content-md5",
        "expires",
    ]
)
_OF_THE_SIGNATURE = frozenset(
    f"x-amz-{name}" for name in ("algorithm", "credential", "date", "security-token", "signature")
)
_RENAMED = {"acl": "x-amz-acl", "x-amz-checksum-algorithm": "x-amz-sdk-checksum-algorithm"}
_ANSWERED = {
    "ETag": "ETag",
    "VersionId": "x-amz-version-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "SSECustomerKeyMD5": "x-amz-server-side-encryption-customer-key-MD5",
    "ChecksumType": "x-amz-checksum-type",
    **{
        f"Checksum{name}": f"x-amz-checksum-{name.lower()}"
        for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
    },
}


async def beyond_model(call: Call, key_holder: Callable) -> HttpResponse | None:
    """None for what S3 does not know either."""
    request = call.http
    if request.method == "OPTIONS":
        return await cors.preflight(call)
    bucket, _, key = request.path[1:].partition("/")
    if request.method != "POST" or not bucket or key:
        return None
    if is_form(request.headers.get("content-type", "")):
        return await post_object(call, unquote(bucket), key_holder)
    if request.query:
        return None  # meant for an operation, as the query says
    raise errors.PreconditionFailed(Condition="Bucket POST must be of the enclosure-type multipart/form-data")


async def post_object(call: Call, bucket: str, key_holder: Callable) -> HttpResponse:
    """Put the file of a form, whole or not at all.

    errors   AccessDenied (the policy, or permissions), EntityTooLarge, EntityTooSmall, InvalidArgument,
             InvalidPolicyDocument, MalformedPOSTRequest, MaxPostPreDataLengthExceeded, SignatureDoesNotMatch; PutObject's
    """
    form = await read_form(call.http.headers["content-type"], call.http.body)
    fields = form.fields
    if not fields.get("key"):
        raise errors.InvalidArgument(
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
            ArgumentName="key",
            ArgumentValue="",
        )
    fields["key"] = fields["key"].replace("${filename}", form.file_name)
    putting = await _as_signer(call, bucket, form, key_holder)
    request = _put_request(bucket, fields) | {"Body": await _small_whole(form.file)}
    put = await call.cloud.invoke(putting, request)
    return _answer(call, bucket, fields, put)


async def _as_signer(call: Call, bucket: str, form: Form, key_holder: Callable) -> Call:
    """The PutObject's call, made by whoever signed the form, once its policy is found to allow it."""
    signed = post_policy.signature_in(form.fields)
    # Without `http`: the form's headers are about the form, and the fields speak for the object.
    putting = replace(call, operation="PutObject", http=None, context={"s3:authType": "POST"})
    if signed is None:
        return putting
    principal, secret = await key_holder(signed.access_key_id, signed.session_token)
    policy = form.fields["policy"]
    signed.verify(policy, secret)
    sizes = post_policy.check(policy, {**form.fields, "bucket": bucket}, call.clock.wall_ms())
    form.file.min_bytes, form.file.max_bytes = sizes
    return replace(
        putting,
        principal=principal,
        account=principal.account,
        region=signed.scope[1] if signed.scope else call.region,
        context={"s3:authType": "POST", "s3:signatureversion": signed.version},
    )


def _put_request(bucket: str, fields: dict[str, str]) -> dict:
    """The PutObject that the fields ask for: most are named like its headers, and are read as such."""
    headers = {}
    for name, value in fields.items():
        name = _RENAMED.get(name, name)
        if name in _AS_HEADERS or (name.startswith("x-amz-") and name not in _OF_THE_SIGNATURE):
            headers[name] = value.encode().decode("latin-1")  # as headers come
    if "tagging" in fields:
        headers["x-amz-tagging"] = _tagging_header(fields["tagging"])
    labels = {"Bucket": bucket, "Key": fields["key"]}
    return models.load("s3").operation("PutObject").parse(HttpRequest("PUT", "/", "", headers), labels=labels)


def _tagging_header(document: str) -> str:
    """The form has tags as XML where PutObject has a header."""
    if "<!" in document:  # no tags need a document type, and its entities could grow without bounds
        raise errors.MalformedXML()
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError:
        raise errors.MalformedXML() from None
    tags = [tag for tag in root.iter() if _local(tag.tag) == "Tag"]
    pairs = [{_local(member.tag): member.text or "" for member in tag} for tag in tags]
    if _local(root.tag) != "Tagging" or not all(pair.keys() == {"Key", "Value"} for pair in pairs):
        raise errors.MalformedXML()
    return urlencode([(pair["Key"], pair["Value"]) for pair in pairs])


def _local(name: str) -> str:
    return name.rpartition("}")[2]


async def _small_whole(file: Body) -> bytes | Body:
    """A form does not say how long its file is: a small one is read now, so that it is stored as such."""
    pieces, total = aiter(file), 0
    first: list[bytes] = []
    async for piece in pieces:
        first.append(piece)
        total += len(piece)
        if total > INLINE_MAX_BYTES:
            return _Begun(first, pieces)
    return b"".join(first)


class _Begun(Body):
    """A body whose first pieces have been read already."""

    def __init__(self, first: list[bytes], rest: AsyncIterator[bytes]) -> None:
        self._first, self._rest = first, rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._first:
            yield piece
        async for piece in self._rest:
            yield piece


# The answer


def _answer(call: Call, bucket: str, fields: dict[str, str], put: dict) -> HttpResponse:
    """204, or what success_action_status or success_action_redirect want; what can't be met is not heeded."""
    key, etag = fields["key"], put["ETag"]
    headers = [(name, str(put[member])) for member, name in _ANSWERED.items() if member in put]
    headers += [("x-amz-request-id", call.request_id), ("x-amz-id-2", call.request_id)]
    redirect = fields.get("success_action_redirect") or fields.get("redirect") or ""
    target = urlsplit(redirect)
    if target.scheme in ("http", "https") and target.netloc and not re.search(r"[\x00-\x20\x7f]", redirect):
        query = urlencode({"bucket": bucket, "key": key, "etag": etag})
        joined = f"{target.query}&{query}" if target.query else query
        return HttpResponse(303, [*headers, ("Location", target._replace(query=joined).geturl())])
    host = call.endpoint.partition("://")[2]
    in_host = host.startswith(f"{bucket}.")
    location = f"{call.endpoint}/{'' if in_host else bucket + '/'}{quote(key, safe='')}"
    headers.append(("Location", location))
    status = fields.get("success_action_status")
    if status == "201":
        document = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<PostResponse><Location>{escape(location)}</Location><Bucket>{escape(bucket)}</Bucket>"
            f"<Key>{escape(key)}</Key><ETag>{escape(etag)}</ETag></PostResponse>"
        )
        return HttpResponse(201, [*headers, ("content-type", "application/xml")], document.encode())
    return HttpResponse(200 if status == "200" else 204, headers)
