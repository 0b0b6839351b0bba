"""Bodies under keys of their customers: who gets them, what lies on disk, and how S3 refuses."""

import base64
import hashlib

import pytest

from pileus.kernel import principal
from pileus.kernel.errors import AccessDenied
from pileus.services.s3 import checksums, errors
from pileus.services.s3.state.records import OBJECTS, PARTS, UPLOADS
from pileus.store.blobs import BLOBS, SMALL
from pileus.store.sealing import Broken

MIB = 1024 * 1024
SECRET, OTHER_SECRET = b"1" * 32, b"2" * 32
SENTENCE = b"a telling sentence. "


def headers(secret: bytes, place: str = "", algorithm: str = "AES256") -> dict:
    return {
        f"{place}SSECustomerAlgorithm": algorithm,
        f"{place}SSECustomerKey": base64.b64encode(secret).decode(),
        f"{place}SSECustomerKeyMD5": md5_of(secret),
    }


def md5_of(secret: bytes) -> str:
    return base64.b64encode(hashlib.md5(secret).digest()).decode()


KEY, OTHER = headers(SECRET), headers(OTHER_SECRET)
OF_SOURCE = headers(SECRET, "CopySource")
TOLD = {"SSECustomerAlgorithm": "AES256", "SSECustomerKeyMD5": KEY["SSECustomerKeyMD5"]}


async def set_blocked(cloud, bucket: str, *kinds: str, **rule) -> None:
    blocked = {"BlockedEncryptionTypes": {"EncryptionType": list(kinds)}} if kinds else {}
    configuration = {"Rules": [{**rule, **blocked}]}
    await cloud.s3.PutBucketEncryption(Bucket=bucket, ServerSideEncryptionConfiguration=configuration)


@pytest.fixture
async def bucket(cloud, bucket) -> str:
    """One that takes customers' keys, which new buckets do not."""
    await set_blocked(cloud, bucket, "NONE")
    return bucket


def told(answer: dict) -> dict:
    """What an answer says of encryption."""
    return {name: answer[name] for name in answer if "SSE" in name or "Encryption" in name}


def rows_of(cloud, table) -> list:
    return cloud.store.look(lambda tx: list(table.scan(tx)))[0]


def on_disk(cloud, tmp_path) -> bytes:
    """Every byte that the cloud keeps: blobs in rows, blobs in files, and the records."""
    rows = [repr(row) for table in (OBJECTS, UPLOADS, PARTS, BLOBS) for row in rows_of(cloud, table)]
    small = [row.data for row in rows_of(cloud, SMALL)]
    files = [path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    return b"".join([*small, *files]) + "".join(rows).encode()


# Whole objects


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 3 * MIB + 5])
async def test_a_body_comes_back_with_its_key(cloud, bucket, text_of, size):
    body = (SENTENCE * (size // len(SENTENCE) + 1))[:size]
    put = await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=body, **KEY)
    assert told(put) == TOLD
    assert put["ETag"].strip('"') != hashlib.md5(body).hexdigest()
    assert put["ChecksumCRC64NVME"] == checksums.of("CRC64NVME", body)
    got = await cloud.s3.GetObject(Bucket=bucket, Key="k", **KEY)
    assert told(got) == TOLD
    assert (got["ContentLength"], got["ETag"]) == (size, put["ETag"])
    assert await text_of(bucket, "k", **KEY) == body.decode()
    head = await cloud.s3.HeadObject(Bucket=bucket, Key="k", **KEY)
    assert (told(head), head["ContentLength"]) == (TOLD, size)


@pytest.mark.parametrize("size", [1000, 2 * MIB])
async def test_neither_body_nor_key_is_on_disk(cloud, bucket, tmp_path, size):
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=SENTENCE * (size // len(SENTENCE)), **KEY)
    kept = on_disk(cloud, tmp_path)
    assert len(kept) >= size
    for secret in (b"telling", SECRET, KEY["SSECustomerKey"].encode(), KEY["SSECustomerKeyMD5"].encode()):
        assert secret not in kept


async def test_the_same_body_and_key_never_lie_there_twice_alike(cloud, bucket):
    puts = [await cloud.s3.PutObject(Bucket=bucket, Key=key, Body=b"x" * 40, **KEY) for key in ("a", "b")]
    assert puts[0]["ETag"] != puts[1]["ETag"]
    first, second = (row.data for row in rows_of(cloud, SMALL))
    assert first[-56:] != second[-56:]
    checks = [row.key_check for row in rows_of(cloud, OBJECTS)]
    assert checks[0].salt != checks[1].salt and checks[0].hmac != checks[1].hmac


@pytest.mark.parametrize(
    "asked", ["bytes=0-0", "bytes=65530-65545", "bytes=-3", "bytes=1048570-", "bytes=100000-900000"]
)
async def test_ranges(cloud, bucket, text_of, asked):
    body = "".join(f"{number:07}\n" for number in range(150_000))
    await cloud.s3.PutObject(Bucket=bucket, Key="secret", Body=body.encode(), **KEY)
    await cloud.s3.PutObject(Bucket=bucket, Key="open", Body=body.encode())
    ranged = await cloud.s3.GetObject(Bucket=bucket, Key="secret", Range=asked, **KEY)
    plain = await cloud.s3.GetObject(Bucket=bucket, Key="open", Range=asked)
    for member in ("ContentRange", "ContentLength"):
        assert ranged[member] == plain[member]
    assert await text_of(bucket, "secret", Range=asked, **KEY) == await text_of(bucket, "open", Range=asked)


async def test_the_body_is_checked_as_any_other(cloud, bucket):
    with pytest.raises(errors.BadDigest):
        await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"x", ContentMD5=md5_of(b"y"), **KEY)
    put = await cloud.s3.PutObject(
        Bucket=bucket, Key="k", Body=b"x", ContentMD5=md5_of(b"x"), ChecksumSHA256=checksums.of("SHA256", b"x"), **KEY
    )
    assert put["ChecksumSHA256"] == checksums.of("SHA256", b"x")
    large = b"x" * 100_000
    with pytest.raises(errors.BadDigest):
        await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=large, ContentMD5=md5_of(b"y"), **KEY)
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=large, ContentMD5=md5_of(large), **KEY)


async def test_bytes_that_were_changed_do_not_go_out(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"hello", **KEY)

    def spoil(tx):
        (row,) = SMALL.scan(tx)
        SMALL.put(tx, type(row)(row.id, row.data[:-1] + bytes([row.data[-1] ^ 1])))

    await cloud.store.write(spoil)
    with pytest.raises(Broken):
        await cloud.s3.GetObject(Bucket=bucket, Key="k", **KEY)


async def test_each_version_has_its_own_key(cloud, versioned, text_of):
    await set_blocked(cloud, versioned, "NONE")
    first = await cloud.s3.PutObject(Bucket=versioned, Key="k", Body=b"1", **KEY)
    second = await cloud.s3.PutObject(Bucket=versioned, Key="k", Body=b"2", **OTHER)
    assert await text_of(versioned, "k", **OTHER) == "2"
    assert await text_of(versioned, "k", VersionId=first["VersionId"], **KEY) == "1"
    with pytest.raises(errors.AccessDenied):
        await cloud.s3.GetObject(Bucket=versioned, Key="k", VersionId=second["VersionId"], **KEY)


async def test_what_needs_no_key(cloud, bucket):
    put = await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"hello", Tagging="a=b", **KEY)
    (listed,) = (await cloud.s3.ListObjectsV2(Bucket=bucket))["Contents"]
    assert (listed["Size"], listed["ETag"]) == (5, put["ETag"])
    assert (await cloud.s3.GetObjectTagging(Bucket=bucket, Key="k"))["TagSet"] == [{"Key": "a", "Value": "b"}]
    await cloud.s3.DeleteObject(Bucket=bucket, Key="k")
    assert rows_of(cloud, SMALL) == []


async def test_attributes_take_the_key(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"hello", **KEY)
    asked = {"Bucket": bucket, "Key": "k", "ObjectAttributes": ["ObjectSize"]}
    assert (await cloud.s3.GetObjectAttributes(**asked, **KEY))["ObjectSize"] == 5
    with pytest.raises(errors.InvalidRequest, match="stored using a form of Server Side Encryption"):
        await cloud.s3.GetObjectAttributes(**asked)
    with pytest.raises(errors.AccessDenied):
        await cloud.s3.GetObjectAttributes(**asked, **OTHER)


# Refusals


@pytest.mark.parametrize("read", ["GetObject", "HeadObject"])
async def test_nothing_is_read_without_the_right_key(cloud, bucket, read):
    await cloud.s3.PutObject(Bucket=bucket, Key="secret", Body=b"hello", **KEY)
    await cloud.s3.PutObject(Bucket=bucket, Key="open", Body=b"hello")
    ask = getattr(cloud.s3, read)
    with pytest.raises(errors.InvalidRequest, match="The correct parameters must be provided to retrieve the object"):
        await ask(Bucket=bucket, Key="secret")
    for wrong in (OTHER, headers(b"short")):
        with pytest.raises(errors.AccessDenied, match="must provide the correct secret key") as refused:
            await ask(Bucket=bucket, Key="secret", **wrong)
        assert refused.value.status == 403
    with pytest.raises(errors.InvalidRequest, match="not applicable to this object"):
        await ask(Bucket=bucket, Key="open", **KEY)
    assert told(await ask(Bucket=bucket, Key="secret", **without("SSECustomerKeyMD5"))) == TOLD


def without(member: str) -> dict:
    return {name: value for name, value in KEY.items() if name != member}


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (without("SSECustomerAlgorithm"), "InvalidArgument", "must provide a valid encryption algorithm"),
        (without("SSECustomerKey"), "InvalidArgument", "must provide an appropriate secret key"),
        (without("SSECustomerKeyMD5"), "InvalidArgument", "must provide the client calculated MD5 of the secret key"),
        (headers(SECRET, algorithm="aws:kms"), "InvalidEncryptionAlgorithmError", "Supported value: AES256"),
        (headers(b"1" * 16), "InvalidArgument", "The secret key was invalid for the specified algorithm"),
        ({**KEY, "SSECustomerKey": "####"}, "InvalidArgument", "The secret key was invalid - too short"),
        (
            {**KEY, "SSECustomerKeyMD5": OTHER["SSECustomerKeyMD5"]},
            "InvalidArgument",
            "The calculated MD5 hash of the key did not match the hash that was provided",
        ),
        # The MD5 is looked at before the length.
        (
            {**headers(b"1" * 16), "SSECustomerKeyMD5": KEY["SSECustomerKeyMD5"]},
            "InvalidArgument",
            "MD5 hash of the key",
        ),
        (
            {**KEY, "ServerSideEncryption": "AES256"},
            "InvalidArgument",
            "Customer provided key is incompatible with the encryption method specified",
        ),
    ],
)
async def test_keys_that_are_none(cloud, bucket, asked, code, words):
    for operation in ("PutObject", "CreateMultipartUpload"):
        with pytest.raises(errors.S3Error, match=words) as refused:
            await getattr(cloud.s3, operation)(Bucket=bucket, Key="k", **asked)
        assert (refused.value.code, refused.value.status) == (code, 400)
        assert refused.value.fields["ArgumentName"] == "x-amz-server-side-encryption"
    assert "Contents" not in await cloud.s3.ListObjectsV2(Bucket=bucket)


async def test_plain_http_from_elsewhere_is_refused(cloud, bucket):
    """What is sent over loopback counts as secure, as for aws:SecureTransport."""
    call = cloud.pileus.call("s3", "PutObject", principal=principal.root(cloud.account), region=cloud.region)
    call.is_secure = False
    with pytest.raises(errors.InvalidArgument, match="must be made over a secure connection"):
        await cloud.pileus.invoke(call, {"Bucket": bucket, "Key": "k", "Body": b"x", **KEY})
    await cloud.pileus.invoke(call, {"Bucket": bucket, "Key": "k", "Body": b"x"})


# Buckets that take no such keys


async def test_new_buckets_take_no_customers_keys(cloud):
    await cloud.s3.CreateBucket(Bucket="new")
    (rule,) = (await cloud.s3.GetBucketEncryption(Bucket="new"))["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}
    why = r'root is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::new/k" because this bucket has blocked'
    with pytest.raises(errors.AccessDenied, match=why) as refused:
        await cloud.s3.PutObject(Bucket="new", Key="k", **KEY)
    assert refused.value.status == 403
    await set_blocked(cloud, "new", "NONE")
    await cloud.s3.PutObject(Bucket="new", Key="k", **KEY)


async def test_what_is_there_is_read_from_a_bucket_that_blocks_keys(cloud, bucket, text_of):
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"hello", **KEY)
    upload = await begin(cloud, bucket, **KEY)
    await set_blocked(cloud, bucket, "SSE-C")
    assert await text_of(bucket, "k", **KEY) == "hello"
    for refused in (
        cloud.s3.PutObject(Bucket=bucket, Key="x", **KEY),
        cloud.s3.CopyObject(Bucket=bucket, Key="x", CopySource=f"{bucket}/k", **OF_SOURCE, **KEY),
        cloud.s3.CreateMultipartUpload(Bucket=bucket, Key="x", **KEY),
        cloud.s3.UploadPart(**upload, PartNumber=1, Body=b"x", **KEY),
    ):
        with pytest.raises(errors.AccessDenied, match="has blocked upload requests"):
            await refused
    await cloud.s3.CopyObject(Bucket=bucket, Key="x", CopySource=f"{bucket}/k", **OF_SOURCE)
    assert await text_of(bucket, "x") == "hello"


async def test_setting_an_algorithm_unblocks_nothing(cloud, bucket):
    async def rule() -> dict:
        (found,) = (await cloud.s3.GetBucketEncryption(Bucket=bucket))["ServerSideEncryptionConfiguration"]["Rules"]
        return found

    await set_blocked(cloud, bucket, ApplyServerSideEncryptionByDefault={"SSEAlgorithm": "aws:kms"})
    assert (await rule())["BlockedEncryptionTypes"] == {"EncryptionType": ["NONE"]}
    await set_blocked(cloud, bucket, "SSE-C")
    assert (await rule())["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    await set_blocked(cloud, bucket, ApplyServerSideEncryptionByDefault={"SSEAlgorithm": "aws:kms"})
    assert (await rule())["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}
    await set_blocked(cloud, bucket, "NONE")
    await cloud.s3.DeleteBucketEncryption(Bucket=bucket)
    assert (await rule())["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}
    with pytest.raises(errors.MalformedXML):
        await set_blocked(cloud, bucket, "NONE", "SSE-C")


async def test_a_policy_may_want_a_customers_key(cloud, bucket):
    statement = (
        '{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::box/*", "Condition": '
        '{"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "true"}}}'
    )
    policy = f'{{"Version": "2012-10-17", "Statement": [{statement}]}}'
    await cloud.s3.PutBucketPolicy(Bucket=bucket, Policy=policy)
    with pytest.raises(AccessDenied):
        await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"x")
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"x", **KEY)
    where = await begin(cloud, bucket, **KEY)
    part = await cloud.s3.UploadPart(**where, PartNumber=1, Body=b"x", **KEY)
    named = [{"PartNumber": 1, "ETag": part["ETag"]}]
    with pytest.raises(AccessDenied):
        await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": named})
    await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": named}, **KEY)


# Copies


@pytest.mark.parametrize("size", [5, 200_000])
@pytest.mark.parametrize(
    ("of_source", "of_copy"), [({}, KEY), (KEY, {}), (KEY, KEY), (KEY, OTHER)], ids=["seal", "open", "same", "rotate"]
)
async def test_copies_change_keys(cloud, bucket, text_of, tmp_path, size, of_source, of_copy):
    body = (SENTENCE * size)[:size]
    await cloud.s3.PutObject(Bucket=bucket, Key="a", Body=body, Metadata={"m": "1"}, **of_source)
    opening = OF_SOURCE if of_source else {}
    copy = await cloud.s3.CopyObject(Bucket=bucket, Key="b", CopySource=f"{bucket}/a", **opening, **of_copy)
    expected = {**TOLD, "SSECustomerKeyMD5": of_copy["SSECustomerKeyMD5"]} if of_copy else {}
    assert told(copy) == (expected or {"ServerSideEncryption": "AES256"})
    is_md5 = copy["CopyObjectResult"]["ETag"].strip('"') == hashlib.md5(body).hexdigest()
    assert is_md5 == (not of_copy)
    assert copy["CopyObjectResult"]["ChecksumCRC64NVME"] == checksums.of("CRC64NVME", body)
    await cloud.s3.DeleteObject(Bucket=bucket, Key="a")
    assert await text_of(bucket, "b", **of_copy) == body.decode()
    assert (await cloud.s3.HeadObject(Bucket=bucket, Key="b", **of_copy))["Metadata"] == {"m": "1"}


async def test_an_object_is_copied_onto_itself_under_another_key(cloud, bucket, text_of):
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"hello", **KEY)
    await cloud.s3.CopyObject(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", **OF_SOURCE, **OTHER)
    assert await text_of(bucket, "k", **OTHER) == "hello"
    with pytest.raises(errors.AccessDenied):
        await cloud.s3.GetObject(Bucket=bucket, Key="k", **KEY)


async def test_a_copy_of_an_upload_is_whole(cloud, bucket, text_of):
    body = SENTENCE * 300_000
    await upload(cloud, bucket, [body, SENTENCE], KEY)
    await cloud.s3.CopyObject(Bucket=bucket, Key="b", CopySource=f"{bucket}/k", **OF_SOURCE, **OTHER)
    assert await text_of(bucket, "b", **OTHER) == (body + SENTENCE).decode()
    assert await text_of(bucket, "b", Range="bytes=5999990-6000009", **OTHER) == (SENTENCE * 2)[10:30].decode()


async def test_the_source_of_a_copy_takes_its_key(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="secret", Body=b"hello", **KEY)
    await cloud.s3.PutObject(Bucket=bucket, Key="open", Body=b"hello")
    copy = {"Bucket": bucket, "Key": "x", "CopySource": f"{bucket}/secret"}
    with pytest.raises(errors.InvalidRequest, match="stored using a form of Server Side Encryption"):
        await cloud.s3.CopyObject(**copy)
    with pytest.raises(errors.InvalidRequest, match="stored using a form of Server Side Encryption"):
        await cloud.s3.CopyObject(**copy, **KEY)
    with pytest.raises(errors.InvalidRequest, match="did not match the ones used originally"):
        await cloud.s3.CopyObject(**copy, **headers(OTHER_SECRET, "CopySource"))
    with pytest.raises(errors.InvalidEncryptionAlgorithmError):
        await cloud.s3.CopyObject(**copy, **headers(SECRET, "CopySource", "DES"))
    with pytest.raises(errors.InvalidRequest, match="not applicable"):
        await cloud.s3.CopyObject(**copy | {"CopySource": f"{bucket}/open"}, **OF_SOURCE)


# Multipart uploads


async def begin(cloud, bucket, **asked) -> dict:
    begun = await cloud.s3.CreateMultipartUpload(Bucket=bucket, Key="k", **asked)
    return {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}


async def upload(cloud, bucket, bodies: list[bytes], key: dict) -> dict:
    where = await begin(cloud, bucket, **key)
    parts = []
    for number, body in enumerate(bodies, 1):
        part = await cloud.s3.UploadPart(**where, PartNumber=number, Body=body, **key)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    return await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": parts})


async def test_an_upload_under_a_key(cloud, bucket, text_of, tmp_path):
    bodies = [b"a" * (5 * MIB), b"b" * (5 * MIB + 1), b"end"]
    assert told(await cloud.s3.CreateMultipartUpload(Bucket=bucket, Key="other", **KEY)) == TOLD
    done = await upload(cloud, bucket, bodies, KEY)
    assert told(done) == {}
    assert done["ETag"].endswith('-3"')
    whole = b"".join(bodies)
    assert done["ChecksumCRC64NVME"] == checksums.of("CRC64NVME", whole)
    assert await text_of(bucket, "k", **KEY) == whole.decode()
    assert await text_of(bucket, "k", PartNumber=3, **KEY) == "end"
    assert await text_of(bucket, "k", Range=f"bytes={5 * MIB - 1}-{5 * MIB}", **KEY) == "ab"
    assert await text_of(bucket, "k", Range="bytes=-5", **KEY) == "bbend"
    head = await cloud.s3.HeadObject(Bucket=bucket, Key="k", PartNumber=2, **KEY)
    assert (head["PartsCount"], head["ContentLength"], told(head)) == (3, 5 * MIB + 1, TOLD)
    assert b"a" * 64 not in on_disk(cloud, tmp_path)
    with pytest.raises(errors.InvalidRequest):
        await cloud.s3.GetObject(Bucket=bucket, Key="k", PartNumber=3)


async def test_each_part_brings_the_uploads_key(cloud, bucket):
    where, plain = await begin(cloud, bucket, **KEY), await begin(cloud, bucket)
    part = {"PartNumber": 1, "Body": b"x"}
    assert told(await cloud.s3.UploadPart(**where, **part, **KEY)) == TOLD
    for wrong in (cloud.s3.UploadPart(**where, **part), cloud.s3.UploadPart(**plain, **part, **KEY)):
        with pytest.raises(errors.InvalidRequest, match="The multipart upload initiate requested encryption"):
            await wrong
    with pytest.raises(errors.InvalidRequest, match="did not match the ones used originally"):
        await cloud.s3.UploadPart(**where, **part, **OTHER)
    (listed,) = rows_of(cloud, PARTS)
    assert listed.etag != hashlib.md5(b"x").hexdigest()


@pytest.mark.parametrize(
    ("of_source", "of_upload"), [({}, KEY), (KEY, {}), (KEY, OTHER)], ids=["seal", "open", "rotate"]
)
async def test_parts_are_copied_between_keys(cloud, bucket, text_of, of_source, of_upload):
    await cloud.s3.PutObject(Bucket=bucket, Key="source", Body=b"0123456789" * 20_000, **of_source)
    where = await begin(cloud, bucket, **of_upload)
    part = await cloud.s3.UploadPartCopy(
        **where,
        PartNumber=1,
        CopySource=f"{bucket}/source",
        CopySourceRange="bytes=65535-131074",
        **(OF_SOURCE if of_source else {}),
        **of_upload,
    )
    named = {"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}
    await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": [named]})
    await cloud.s3.DeleteObject(Bucket=bucket, Key="source")
    expected = ("0123456789" * 20_000)[65535:131075]
    assert await text_of(bucket, "k", **of_upload) == expected


async def test_a_copied_part_with_another_key_than_the_uploads(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="source", Body=b"x")
    where = await begin(cloud, bucket, **KEY)
    with pytest.raises(errors.InvalidRequest, match="did not match the ones used originally"):
        await cloud.s3.UploadPartCopy(**where, PartNumber=1, CopySource=f"{bucket}/source", **OTHER)


async def test_the_end_of_an_upload_needs_the_key_for_checksums_of_parts(cloud, bucket):
    where = await begin(cloud, bucket, ChecksumAlgorithm="CRC32", **KEY)
    part = await cloud.s3.UploadPart(**where, PartNumber=1, Body=b"x", ChecksumCRC32=checksums.of("CRC32", b"x"), **KEY)
    named = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}]}
    with pytest.raises(errors.InvalidRequest, match="when specifying checksums for each part"):
        await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload=named)
    with pytest.raises(errors.InvalidRequest, match="did not match the ones used originally"):
        await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload=named, **OTHER)
    await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload=named, **KEY)


async def test_the_list_of_parts_tells_checksums_to_who_has_the_key(cloud, bucket):
    where = await begin(cloud, bucket, **KEY)
    await cloud.s3.UploadPart(**where, PartNumber=1, Body=b"x", **KEY)
    (part,) = (await cloud.s3.ListParts(**where))["Parts"]
    assert (part["Size"], "ChecksumCRC64NVME" in part) == (1, False)
    (part,) = (await cloud.s3.ListParts(**where, **KEY))["Parts"]
    assert part["ChecksumCRC64NVME"] == checksums.of("CRC64NVME", b"x")
    with pytest.raises(errors.InvalidRequest, match="did not match"):
        await cloud.s3.ListParts(**where, **OTHER)
    summed = await begin(cloud, bucket, ChecksumAlgorithm="SHA256", **KEY)
    await cloud.s3.UploadPart(**summed, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256", **KEY)
    with pytest.raises(errors.InvalidRequest, match="To retrieve Part Checksum data"):
        await cloud.s3.ListParts(**summed)


async def test_a_refused_part_and_an_aborted_upload_leave_nothing(cloud, bucket):
    where = await begin(cloud, bucket, **KEY)
    with pytest.raises(errors.BadDigest):
        await cloud.s3.UploadPart(**where, PartNumber=1, Body=b"x" * 100_000, ContentMD5=md5_of(b"y"), **KEY)
    await cloud.s3.UploadPart(**where, PartNumber=1, Body=b"x" * 100_000, **KEY)
    assert len(rows_of(cloud, BLOBS)) == 1
    await cloud.s3.AbortMultipartUpload(**where)
    assert rows_of(cloud, BLOBS) == []
