"""S3 as boto3's users know it: objects and versions, pages and waiters, large transfers, presigned URLs, both addressings."""

import hashlib
import io
import json
import os
import urllib.error
import urllib.request

import boto3.s3.transfer
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

MIB = 1 << 20


@pytest.fixture(scope="module")
def s3(connect):
    return connect("s3", Config(s3={"addressing_style": "path"}))


@pytest.fixture
def bucket(s3, request) -> str:
    name = "t-" + hashlib.md5(request.node.name.encode()).hexdigest()
    s3.create_bucket(Bucket=name)
    s3.get_waiter("bucket_exists").wait(Bucket=name)
    return name


def code_of(call, **members) -> str:
    with pytest.raises(ClientError) as error:
        call(**members)
    return error.value.response["Error"]["Code"]


def test_an_object_and_what_is_known_of_it(s3, bucket):
    key = "Ordner/ä b+c&d=e?.txt"
    put = s3.put_object(
        Bucket=bucket, Key=key, Body=b"content", ContentType="text/plain", Metadata={"who": "me"}, Tagging="a=1&b=x%20y"
    )
    assert put["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key=key)
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (b"content", "text/plain", {"who": "me"})
    assert got["TagCount"] == 2
    head = s3.head_object(Bucket=bucket, Key=key)
    assert (head["ContentLength"], head["ETag"], head["LastModified"]) == (7, got["ETag"], got["LastModified"])
    part = s3.get_object(Bucket=bucket, Key=key, Range="bytes=3-")
    assert (part["Body"].read(), part["ContentRange"]) == (b"tent", "bytes 3-6/7")
    assert code_of(s3.get_object, Bucket=bucket, Key=key, Range="bytes=7-") == "InvalidRange"
    assert code_of(s3.get_object, Bucket=bucket, Key=key, IfNoneMatch=got["ETag"]) == "304"
    assert code_of(s3.put_object, Bucket=bucket, Key=key, Body=b"x", IfNoneMatch="*") == "PreconditionFailed"
    assert s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=["ETag", "ObjectSize"])["ObjectSize"] == 7
    tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"a": "1", "b": "x y"}
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "c", "Value": "3"}]})
    s3.delete_object_tagging(Bucket=bucket, Key=key)
    assert s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == []
    assert s3.get_object_acl(Bucket=bucket, Key=key)["Grants"][0]["Permission"] == "FULL_CONTROL"
    s3.delete_object(Bucket=bucket, Key=key)
    s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key=key)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key=key)


def test_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"content", Metadata={"n": "1"}, ContentType="text/plain")
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/ü"})
    assert copied["CopyObjectResult"]["ETag"] == s3.head_object(Bucket=bucket, Key="a b/ü")["ETag"]
    s3.copy_object(
        Bucket=bucket, Key="copy", CopySource=f"{bucket}/copy", MetadataDirective="REPLACE", Metadata={"n": "2"}
    )
    head = s3.head_object(Bucket=bucket, Key="copy")
    assert (head["Metadata"], s3.get_object(Bucket=bucket, Key="copy")["Body"].read()) == ({"n": "2"}, b"content")
    s3.copy({"Bucket": bucket, "Key": "copy"}, bucket, "managed copy")
    assert s3.head_object(Bucket=bucket, Key="managed copy")["ContentLength"] == 7
    assert code_of(s3.copy_object, Bucket=bucket, Key="x", CopySource=f"{bucket}/none") == "NoSuchKey"


def test_versions_and_delete_markers(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=f"{n}".encode())["VersionId"] for n in range(3)]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    assert code_of(s3.head_object, Bucket=bucket, Key="k") == "404"
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}))
    listed = [version["VersionId"] for page in pages for version in page.get("Versions", [])]
    assert (listed, len(pages)) == (ids[::-1], 2)
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=ids[0])["Body"].read() == b"0"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    objects = [{"Key": "k", "VersionId": version} for version in ids]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})["Deleted"]) == 3
    s3.delete_bucket(Bucket=bucket)
    s3.get_waiter("bucket_not_exists").wait(Bucket=bucket)


def test_listings_in_pages(s3, bucket):
    keys = [*sorted(f"{folder}/{n:02} ü" for folder in "ab" for n in range(6)), "z"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    for operation in ("list_objects_v2", "list_objects"):
        pages = list(s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 5}))
        assert [item["Key"] for page in pages for item in page["Contents"]] == keys
        assert len(pages) == 3
        found = s3.get_paginator(operation).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1})
        names = [n["Prefix"] for page in found for n in page.get("CommonPrefixes", [])]
        assert names == ["a/", "b/"]
    one = s3.list_objects_v2(Bucket=bucket, Prefix="a/", StartAfter="a/03 ü", FetchOwner=True)
    assert [item["Key"] for item in one["Contents"]] == ["a/04 ü", "a/05 ü"]
    assert one["Contents"][0]["Owner"]["ID"]
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True})
    assert "Deleted" not in deleted
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_the_transfer_manager_takes_twenty_mebibytes_up_and_down(s3, bucket, tmp_path):
    body = os.urandom(20 * MIB)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(body)
    config = boto3.s3.transfer.TransferConfig(
        multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=4
    )
    seen: list[int] = []
    s3.upload_file(str(source), bucket, "big", Config=config, Callback=seen.append)
    assert sum(seen) == len(body)
    head = s3.head_object(Bucket=bucket, Key="big")
    assert (head["ContentLength"], head["ETag"][-3:]) == (len(body), '-3"')
    s3.download_file(bucket, "big", str(target), Config=config)
    assert target.read_bytes() == body
    assert s3.get_object(Bucket=bucket, Key="big", PartNumber=3)["ContentLength"] == 4 * MIB
    s3.upload_fileobj(io.BytesIO(b"small"), bucket, "small", ExtraArgs={"ContentType": "text/plain"})
    into = io.BytesIO()
    s3.download_fileobj(bucket, "small", into)
    assert into.getvalue() == b"small"


def test_multipart_by_hand(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", Metadata={"n": "1"})["UploadId"]
    other = s3.create_multipart_upload(Bucket=bucket, Key="k2")["UploadId"]
    assert {u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]} == {upload, other}
    s3.put_object(Bucket=bucket, Key="source", Body=b"s" * 5 * MIB)
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    first = s3.upload_part(**where, PartNumber=1, Body=b"f" * 5 * MIB)["ETag"]
    second = s3.upload_part_copy(**where, PartNumber=2, CopySource=f"{bucket}/source")["CopyPartResult"]["ETag"]
    third = s3.upload_part(**where, PartNumber=7, Body=b"end")["ETag"]
    pages = s3.get_paginator("list_parts").paginate(**where, PaginationConfig={"PageSize": 2})
    assert [part["PartNumber"] for page in pages for part in page["Parts"]] == [1, 2, 7]
    parts = [{"PartNumber": n, "ETag": etag} for n, etag in ((1, first), (2, second), (7, third))]
    assert code_of(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": parts[::-1]}) == "InvalidPartOrder"
    wrong = [*parts[:2], {"PartNumber": 7, "ETag": '"0"'}]
    assert code_of(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": wrong}) == "InvalidPart"
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["ContentLength"], got["Metadata"]) == (10 * MIB + 3, {"n": "1"})
    s3.abort_multipart_upload(Bucket=bucket, Key="k2", UploadId=other)
    with pytest.raises(s3.exceptions.NoSuchUpload):
        s3.upload_part(Bucket=bucket, Key="k2", UploadId=other, PartNumber=1, Body=b"x")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"])
def test_checksums(s3, bucket, algorithm):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"content", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert got["Body"].read() == b"content"
    assert (
        code_of(
            s3.put_object, Bucket=bucket, Key="k", Body=b"x", **{f"Checksum{algorithm}": got[f"Checksum{algorithm}"]}
        )
        == "BadDigest"
    )


# URLs that are given to others


def fetch(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_presigned_urls(connect, endpoint, bucket, style, session):
    at = endpoint.replace("127.0.0.1", "localhost")
    config = Config(signature_version="s3v4", s3={"addressing_style": style})
    s3 = session.client("s3", endpoint_url=at, config=config)
    members = {"Bucket": bucket, "Key": "a b/ü.txt"}
    put = s3.generate_presigned_url("put_object", {**members, "ContentType": "text/plain"}, 60)
    assert (f"{bucket}.localhost" in put) == (style == "virtual")
    assert fetch(put, "PUT", b"content", **{"content-type": "text/plain"})[0] == 200
    assert fetch(put, "PUT", b"content", **{"content-type": "text/html"})[0] == 403
    get = s3.generate_presigned_url(
        "get_object", {**members, "ResponseContentDisposition": 'attachment; filename="x"'}, 60
    )
    assert fetch(get) == (200, b"content")
    assert fetch(get, "DELETE")[0] == 403
    assert fetch(get.replace("X-Amz-Signature=", "X-Amz-Signature=0"))[0] == 403
    assert fetch(s3.generate_presigned_url("list_objects_v2", {"Bucket": bucket}, 60))[1].count(b"<Contents>") == 1


def test_virtual_addressing(session, endpoint, bucket):
    at = endpoint.replace("127.0.0.1", "localhost")
    s3 = session.client("s3", endpoint_url=at, config=Config(s3={"addressing_style": "virtual"}))
    hosts: set[str] = set()
    s3.meta.events.register("before-send", lambda request, **_: hosts.add(request.url.split("/")[2]))
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert {host.partition(":")[0] for host in hosts} == {f"{bucket}.localhost"}


# What a bucket is told


def test_configurations_come_back_as_they_were_put(s3, bucket, account):
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}
    cors = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.com"], "MaxAgeSeconds": 60}
    sse = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [cors]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [cors]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [sse]})
    assert (
        s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0].items() >= sse.items()
    )
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "a"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "team", "Value": "a"}]
    block = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block
    ownership = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=ownership)
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == ownership
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    show = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [show]}))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [show]
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    for operation in (
        "lifecycle",
        "cors",
        "tagging",
        "policy",
        "encryption",
        "ownership_controls",
        "website",
        "replication",
    ):
        getattr(s3, f"delete_bucket_{operation}")(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    absent = {
        "lifecycle_configuration": "NoSuchLifecycleConfiguration",
        "cors": "NoSuchCORSConfiguration",
        "tagging": "NoSuchTagSet",
        "policy": "NoSuchBucketPolicy",
        "ownership_controls": "OwnershipControlsNotFoundError",
        "website": "NoSuchWebsiteConfiguration",
        "replication": "ReplicationConfigurationNotFoundError",
    }
    for name, code in absent.items():
        assert code_of(getattr(s3, f"get_bucket_{name}"), Bucket=bucket) == code
    assert code_of(s3.get_public_access_block, Bucket=bucket) == "NoSuchPublicAccessBlockConfiguration"
    assert code_of(s3.get_object_lock_configuration, Bucket=bucket) == "ObjectLockConfigurationNotFoundError"


def test_an_upload_tells_its_queue(s3, bucket, connect, account):
    sqs = connect("sqs")
    url = sqs.create_queue(QueueName="uploads")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    notify = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    assert (
        code_of(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=notify)
        == "InvalidArgument"
    )
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=notify)
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"][0]["QueueArn"] == arn
    s3.put_object(Bucket=bucket, Key="a b.txt", Body=b"x")
    events: list[dict] = []
    while len(events) < 2:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10)["Messages"]:
            events.append(json.loads(message["Body"]))
    assert {event.get("Event") for event in events} == {"s3:TestEvent", None}
    record = next(event for event in events if "Records" in event)["Records"][0]
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("ObjectCreated:Put", "a+b.txt")


def test_errors_are_the_clients_classes(s3, bucket, connect):
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="none-such-bucket")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert code_of(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
    with pytest.raises(s3.exceptions.BucketAlreadyExists):
        connect("s3", aws_access_key_id="111122223333", aws_secret_access_key="test").create_bucket(Bucket=bucket)
    assert code_of(s3.create_bucket, Bucket="No_Good") == "InvalidBucketName"
    assert code_of(s3.head_bucket, Bucket="none-such-bucket") == "404"
    assert code_of(s3.get_bucket_website, Bucket="none-such-bucket") == "NoSuchBucket"
    with pytest.raises(WaiterError):
        s3.get_waiter("object_exists").wait(Bucket=bucket, Key="none", WaiterConfig={"Delay": 0, "MaxAttempts": 2})


def test_buckets_are_their_accounts(s3, bucket, connect):
    assert bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) > 1
    other = connect("s3", aws_access_key_id="111122223333", aws_secret_access_key="test")
    assert bucket not in [found["Name"] for found in other.list_buckets()["Buckets"]]
    assert code_of(other.list_objects_v2, Bucket=bucket) == "AccessDenied"


def test_the_resource_api(session, endpoint):
    resource = session.resource("s3", endpoint_url=endpoint)
    bucket = resource.create_bucket(Bucket="t-resource-api")
    bucket.wait_until_exists()
    thing = bucket.put_object(Key="a/1", Body=b"one")
    bucket.Object("a/2").put(Body=b"two")
    assert thing.get()["Body"].read() == b"one"
    assert [(item.key, item.size) for item in bucket.objects.filter(Prefix="a/")] == [("a/1", 3), ("a/2", 3)]
    bucket.Versioning().enable()
    bucket.Object("a/1").put(Body=b"again")
    assert len(list(bucket.object_versions.filter(Prefix="a/1"))) == 2
    bucket.Tagging().put(Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    bucket.object_versions.delete()
    bucket.delete()
    bucket.wait_until_not_exists()
