"""S3's pages: what they show and do is what the operations tell and did."""

import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import ROOT

BOX = "s3/buckets/box"
SCRIPT = "<script>alert(1)</script>"


async def put(cloud, key: str, body: bytes = b"text", **more) -> str:
    """The version of the object, "" where none are kept."""
    return (await cloud.s3.PutObject(Bucket="box", Key=key, Body=body, **more)).get("VersionId", "")


async def keys_of(cloud) -> list[str]:
    return [each["Key"] for each in (await cloud.s3.ListObjectsV2(Bucket="box")).get("Contents", ())]


def escaped(seen) -> bool:
    return SCRIPT not in seen.html and "&lt;script&gt;alert(1)" in seen.html


# Buckets


async def test_a_bucket_is_made_and_listed(cloud):
    made = await cloud.browser.post("s3/buckets", "create", name="box", ownership="BucketOwnerPreferred", lock="true")
    assert "The bucket box is there." in made.text
    lock = (await cloud.s3.GetObjectLockConfiguration(Bucket="box"))["ObjectLockConfiguration"]
    assert lock == {"ObjectLockEnabled": "Enabled"}
    rules = (await cloud.s3.GetBucketOwnershipControls(Bucket="box"))["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerPreferred"}]
    assert "box us-east-1 2026-01-01 00:00:00" in (await cloud.browser.get("s3/buckets")).text


async def test_a_bucket_is_made_in_the_region_that_is_visited_and_opened_there(cloud):
    far = f"{ROOT}/eu-west-1/s3/buckets"
    await cloud.browser.post(far, "create", name="box")
    assert (await cloud.s3.GetBucketLocation(Bucket="box"))["LocationConstraint"] == "eu-west-1"
    assert f"{far}/box" in (await cloud.browser.get("s3/buckets")).links
    assert "Region eu-west-1" in (await cloud.browser.get(f"{far}/box/properties")).text


async def test_a_bucket_that_s3_refuses_is_not_made(cloud):
    seen = await cloud.browser.post("s3/buckets", "create", name=SCRIPT)
    assert (seen.status, "InvalidBucketName" in seen.text, escaped(seen)) == (400, True, True)
    assert (await cloud.s3.ListBuckets())["Buckets"] == []


async def test_buckets_are_found_by_prefix_and_paged(cloud):
    for at in range(102):
        await cloud.s3.CreateBucket(Bucket=f"box-{at:03}")
    first = await cloud.browser.get("s3/buckets")
    assert ("box-099" in first.text, "box-100" in first.text) == (True, False)
    second = await cloud.browser.follow(first, "from=")
    assert ("box-099" in second.text, "box-101" in second.text) == (False, True)
    found = await cloud.browser.get("s3/buckets", prefix="box-05")
    assert ("box-059" in found.text, "box-060" in found.text) == (True, False)


async def test_a_bucket_is_emptied_and_deleted_by_its_name(cloud, versioned):
    await put(cloud, "a")
    await put(cloud, "a")
    await cloud.s3.DeleteObject(Bucket="box", Key="a")
    for action in ("empty", "delete"):
        seen = await cloud.browser.post(f"{BOX}/management", action, typed_name="bo")
        assert "To delete box, type its name." in seen.text
    seen = await cloud.browser.post(f"{BOX}/management", "delete", typed_name="box")
    assert (seen.status, "BucketNotEmpty" in seen.text) == (409, True)
    seen = await cloud.browser.post(f"{BOX}/management", "empty", typed_name="box")
    assert "3 deleted. The bucket is empty." in seen.text
    await cloud.browser.post(f"{BOX}/management", "delete", typed_name="box")
    assert (await cloud.s3.ListBuckets())["Buckets"] == []


# What is in them


async def test_keys_are_browsed_as_folders(cloud, bucket):
    for key in ("readme.txt", "logs/2026/a.log", "logs/2026/b.log", "logs/<script>alert(1)</script>/c"):
        await put(cloud, key)
    top = await cloud.browser.get(BOX)
    assert "logs/" in top.text
    assert "readme.txt 2026-01-01 00:00:00 4 B STANDARD Download" in top.text
    (into,) = [link for link in top.links if link.endswith("prefix=logs%2F")]
    logs = await cloud.browser.send("GET", *into.split("?", 1))
    assert ("2026/" in logs.text, "readme.txt" in logs.text, escaped(logs)) == (True, False, True)
    inner = await cloud.browser.get(BOX, prefix="logs/2026/")
    assert "box › logs/ › 2026/" in inner.text
    assert ("a.log" in inner.text, "b.log" in inner.text) == (True, True)
    searched = await cloud.browser.get(BOX, prefix="logs/2026/b")
    assert ("a.log" in searched.text, "b.log" in searched.text) == (False, True)


@pytest.mark.parametrize("versions", ["", "on"])
async def test_a_page_of_keys_leads_to_the_next(cloud, bucket, versions):
    for at in range(102):
        await put(cloud, f"some/key-{at:03}")
    first = await cloud.browser.get(BOX, prefix="some/", versions=versions)
    assert ("key-099" in first.text, "key-100" in first.text) == (True, False)
    second = await cloud.browser.follow(first, "from=")
    assert ("key-099" in second.text, "key-101" in second.text, "from=" in second.html) == (False, True, False)


async def test_versions_and_delete_markers_are_shown_on_demand(cloud, versioned):
    first, second = await put(cloud, "a"), await put(cloud, "a", b"longer text")
    await cloud.advance(1_000)
    marker = (await cloud.s3.DeleteObject(Bucket="box", Key="a"))["VersionId"]
    assert "There is nothing here." in (await cloud.browser.get(BOX)).text
    text = (await cloud.browser.get(BOX, versions="on")).text
    assert f"{marker} latest 2026-01-01 00:00:01 delete marker" in text
    assert text.index(marker) < min(text.index(second), text.index(first))


async def test_a_file_is_uploaded_as_it_is(cloud, bucket, text_of):
    asked = {"action": "upload", "prefix": "in/", "name": "page.html"}
    url = f"{ROOT}/us-east-1/{BOX}"
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    sent = {"content-type": "text/html"}
    assert (await cloud.browser.send("POST", url, query, b"<b>bold</b>", sent)).status == 204
    assert await text_of("box", "in/page.html") == "<b>bold</b>"
    head = await cloud.s3.HeadObject(Bucket="box", Key="in/page.html")
    assert head["ContentType"] == "text/html"
    refused = await cloud.browser.send("POST", url.replace("box", "none"), query, b"x", sent)
    assert (refused.status, "NoSuchBucket" in refused.text) == (404, True)


async def test_a_text_is_written_and_replaces_none(cloud, bucket, text_of):
    await cloud.browser.post(BOX, "put", key=" a b.json", text='{\r\n"a": 1\r\n}')
    assert await text_of("box", " a b.json") == '{\n"a": 1\n}'
    assert (await cloud.s3.HeadObject(Bucket="box", Key=" a b.json"))["ContentType"] == "application/json"
    seen = await cloud.browser.post(BOX, "put", key=" a b.json", text="other", type="text/plain")
    assert (seen.status, "PreconditionFailed" in seen.text, "other</textarea>" in seen.html) == (412, True, True)
    assert await text_of("box", " a b.json") == '{\n"a": 1\n}'


async def test_what_is_chosen_is_deleted(cloud, versioned):
    first = await put(cloud, "a:1")
    await put(cloud, "a:1")
    await put(cloud, "b")
    await cloud.browser.post(BOX, "delete", chosen=[f"{first}:a:1", ":b"])
    assert await keys_of(cloud) == ["a:1"]
    listed = await cloud.s3.ListObjectVersions(Bucket="box")
    assert [each["Key"] for each in listed["Versions"]] == ["a:1", "b"]
    assert "Nothing was chosen." in (await cloud.browser.post(BOX, "delete")).text


async def test_what_of_the_chosen_is_kept_is_told(cloud):
    await cloud.s3.CreateBucket(Bucket="box", ObjectLockEnabledForBucket=True)
    held, free = await put(cloud, "held", ObjectLockLegalHoldStatus="ON"), await put(cloud, "free")
    seen = await cloud.browser.post(BOX, "delete", query={"versions": "on"}, chosen=[f"{held}:held", f"{free}:free"])
    assert "AccessDenied held: " in seen.text
    assert "(1 of 2 deleted)" in seen.text
    assert await keys_of(cloud) == ["held"]


# One object


async def test_an_object_is_described_and_its_text_shown(cloud, bucket):
    more = {"ContentType": "text/plain", "Metadata": {"origin": SCRIPT}, "Tagging": "team=core"}
    await put(cloud, f"in/{SCRIPT}", SCRIPT.encode() + "é".encode(), **more)
    seen = await cloud.browser.get(f"{BOX}/object", key=f"in/{SCRIPT}")
    assert escaped(seen)
    assert "Content type text/plain" in seen.text
    assert "Encryption AES256" in seen.text
    assert f"origin {SCRIPT}" in seen.text
    assert f"Text {SCRIPT}é" in seen.text
    assert "team core Remove" in seen.text


@pytest.mark.parametrize(("body", "shows"), [(b"\xff\xfe", False), (b"a\0b", False), (b"", False), (b"abc", True)])
async def test_only_text_is_shown_as_text(cloud, bucket, body, shows):
    await put(cloud, "a", body)
    seen = await cloud.browser.get(f"{BOX}/object", key="a")
    assert (seen.status, "<h2>Text</h2>" in seen.html) == (200, shows)


async def test_of_a_long_text_the_beginning_is_shown_though_it_ends_within_a_character(cloud, bucket):
    await put(cloud, "long", b"a" + "é".encode() * 40_000)
    seen = await cloud.browser.get(f"{BOX}/object", key="long")
    assert seen.html.count("é") == 32_767
    assert "Its first 64.0 KiB." in seen.text


async def test_it_is_downloaded_and_never_a_page_of_the_consoles(cloud, bucket):
    await put(cloud, "in/é.html", SCRIPT.encode(), ContentType="text/html")
    got = await cloud.browser.get(f"{BOX}/download", key="in/é.html")
    assert got.html == SCRIPT
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%A9.html"
    assert got.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in got.headers["content-security-policy"]
    assert "NoSuchKey" in (await cloud.browser.get(f"{BOX}/download", key="none")).text


async def test_an_older_version_is_shown_downloaded_and_copied(cloud, versioned, text_of):
    old = await put(cloud, "a?&%/b", b"old")
    await put(cloud, "a?&%/b", b"new")
    opened = {"key": "a?&%/b", "version": old}
    seen = await cloud.browser.get(f"{BOX}/object", **opened)
    assert ("Text old" in seen.text, f"Version {old}" in seen.text) == (True, True)
    (download,) = [link for link in seen.links if "/download" in link]
    assert (await cloud.browser.send("GET", *download.split("?", 1))).html == "old"
    assert (await cloud.browser.get(f"{BOX}/download", **opened)).html == "old"
    await cloud.browser.post(f"{BOX}/object", "copy", query=opened, to_bucket="box", to_key="copy of b")
    assert await text_of("box", "copy of b") == "old"
    seen = await cloud.browser.post(f"{BOX}/object", "copy", query=opened, to_bucket="none", to_key="c")
    assert "NoSuchBucket" in seen.text


async def test_an_objects_tags_are_set_one_by_one(cloud, bucket):
    await put(cloud, "a", Tagging="team=core")
    opened = {"key": "a"}
    await cloud.browser.post(f"{BOX}/object", "tag", query=opened, key="stage", value="test")
    tags = (await cloud.s3.GetObjectTagging(Bucket="box", Key="a"))["TagSet"]
    assert tags == [{"Key": "team", "Value": "core"}, {"Key": "stage", "Value": "test"}]
    for key in ("team", "stage"):
        await cloud.browser.post(f"{BOX}/object", "untag", query=opened, key=key)
    assert (await cloud.s3.GetObjectTagging(Bucket="box", Key="a"))["TagSet"] == []
    seen = await cloud.browser.post(f"{BOX}/object", "tag", query=opened, key="aws:mine", value="x")
    assert "System tags cannot be added" in seen.text


async def test_an_object_is_deleted_by_its_key_and_comes_back_without_its_marker(cloud, versioned):
    await put(cloud, "in/a ")
    opened = {"key": "in/a "}
    assert "Delete the object" in (await cloud.browser.get(f"{BOX}/object", **opened)).text
    seen = await cloud.browser.post(f"{BOX}/object", "delete", query=opened, typed_name="in/a")
    assert "To delete in/a , type its name." in seen.text
    assert await keys_of(cloud) == ["in/a "]
    seen = await cloud.browser.post(f"{BOX}/object", "delete", query=opened, typed_name="in/a ")
    assert "A delete marker hides the object now." in seen.text
    assert await keys_of(cloud) == []
    seen = await cloud.browser.get(f"{BOX}/object", **opened)
    assert ("NoSuchKey" in seen.text, "delete marker" in seen.text) == (True, True)
    (marker,) = (await cloud.s3.ListObjectVersions(Bucket="box"))["DeleteMarkers"]
    form = {"version": marker["VersionId"], "typed_name": "in/a "}
    await cloud.browser.post(f"{BOX}/object", "delete-version", query=opened, **form)
    assert await keys_of(cloud) == ["in/a "]


async def test_a_version_that_is_retained_stays(cloud):
    await cloud.s3.CreateBucket(Bucket="box", ObjectLockEnabledForBucket=True)
    held = await put(cloud, "a", ObjectLockLegalHoldStatus="ON")
    form = {"version": held, "typed_name": "a"}
    seen = await cloud.browser.post(f"{BOX}/object", "delete-version", query={"key": "a"}, **form)
    assert (seen.status, "AccessDenied" in seen.text, "Legal hold ON" in seen.text) == (403, True, True)
    assert await keys_of(cloud) == ["a"]


async def test_an_object_that_is_not_there_is_not_found(cloud, bucket):
    await put(cloud, "ab")
    seen = await cloud.browser.get(f"{BOX}/object", key="a")
    assert seen.status == 404


# A bucket's configurations


async def test_versioning(cloud, bucket):
    await cloud.browser.post(f"{BOX}/properties", "versioning", status="Enabled")
    assert await cloud.s3.GetBucketVersioning(Bucket="box") == {"Status": "Enabled"}
    await cloud.browser.post(f"{BOX}/properties", "versioning", status="Suspended")
    assert await cloud.s3.GetBucketVersioning(Bucket="box") == {"Status": "Suspended"}
    assert "Versioning Suspended Turn on" in (await cloud.browser.get(f"{BOX}/properties")).text


async def test_encryption(cloud, bucket):
    await cloud.browser.post(f"{BOX}/properties", "encryption", algorithm="aws:kms", bucket_key="true")
    configuration = (await cloud.s3.GetBucketEncryption(Bucket="box"))["ServerSideEncryptionConfiguration"]
    assert configuration["Rules"] == [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"},
            "BucketKeyEnabled": True,
            "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]},
        }
    ]
    assert '"aws:kms" selected' in (await cloud.browser.get(f"{BOX}/properties")).html


async def test_default_retention(cloud):
    await cloud.s3.CreateBucket(Bucket="box", ObjectLockEnabledForBucket=True)
    seen = await cloud.browser.post(f"{BOX}/properties", "lock", mode="GOVERNANCE", days="many")
    assert "The number of days must be a whole number." in seen.text
    await cloud.browser.post(f"{BOX}/properties", "lock", mode="GOVERNANCE", days="3")
    lock = (await cloud.s3.GetObjectLockConfiguration(Bucket="box"))["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 3}
    await cloud.browser.post(f"{BOX}/properties", "lock", mode="", days="3")
    lock = (await cloud.s3.GetObjectLockConfiguration(Bucket="box"))["ObjectLockConfiguration"]
    assert "Rule" not in lock


async def test_notifications(cloud, bucket):
    given = {"EventBridgeConfiguration": {}}
    no_queue = {"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:000000000000:no", "Events": ["s3:*"]}]}
    page = f"{BOX}/properties"
    seen = await cloud.browser.post(page, "notifications", notifications=json.dumps(no_queue))
    assert (seen.status, "arn:aws:sqs:us-east-1:000000000000:no" in seen.text) == (400, True)
    await cloud.browser.post(page, "notifications", notifications=json.dumps(given))
    assert await cloud.s3.GetBucketNotificationConfiguration(Bucket="box") == given
    assert "EventBridgeConfiguration" in (await cloud.browser.get(page)).html
    await cloud.browser.post(page, "notifications", notifications="")
    assert await cloud.s3.GetBucketNotificationConfiguration(Bucket="box") == {}


async def test_a_buckets_tags(cloud, bucket):
    await cloud.browser.post(f"{BOX}/properties", "tag", key="team", value="core")
    assert (await cloud.s3.GetBucketTagging(Bucket="box"))["TagSet"] == [{"Key": "team", "Value": "core"}]
    assert "team core Remove" in (await cloud.browser.get(f"{BOX}/properties")).text
    await cloud.browser.post(f"{BOX}/properties", "untag", key="team")
    with pytest.raises(AwsError, match="NoSuchTagSet"):
        await cloud.s3.GetBucketTagging(Bucket="box")


async def test_the_public_access_block_and_a_policy(cloud, bucket):
    page = f"{BOX}/permissions"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::box/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    seen = await cloud.browser.post(page, "policy", policy=policy)
    assert (seen.status, "BlockPublicPolicy" in seen.text) == (403, True)
    await cloud.browser.post(page, "block", BlockPublicAcls="true")
    block = (await cloud.s3.GetPublicAccessBlock(Bucket="box"))["PublicAccessBlockConfiguration"]
    assert [name for name, is_on in block.items() if is_on] == ["BlockPublicAcls"]
    await cloud.browser.post(page, "policy", policy=policy)
    assert (await cloud.s3.GetBucketPolicy(Bucket="box"))["Policy"] == policy
    assert "Policy public" in (await cloud.browser.get(page)).text
    seen = await cloud.browser.post(page, "policy", policy=SCRIPT)
    assert ("MalformedPolicy" in seen.text, escaped(seen)) == (True, True)
    await cloud.browser.post(page, "policy", policy="")
    with pytest.raises(AwsError, match="NoSuchBucketPolicy"):
        await cloud.s3.GetBucketPolicy(Bucket="box")


async def test_ownership_and_cors(cloud, bucket):
    page = f"{BOX}/permissions"
    await cloud.browser.post(page, "ownership", ownership="ObjectWriter")
    rules = (await cloud.s3.GetBucketOwnershipControls(Bucket="box"))["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "ObjectWriter"}]
    cors = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.com"]}]}
    await cloud.browser.post(page, "cors", cors=json.dumps(cors))
    assert await cloud.s3.GetBucketCors(Bucket="box") == cors
    seen = await cloud.browser.get(page)
    assert ("https://example.com" in seen.text, "CanonicalUser FULL_CONTROL" in seen.text) == (True, True)
    await cloud.browser.post(page, "cors", cors=" ")
    with pytest.raises(AwsError, match="NoSuchCORSConfiguration"):
        await cloud.s3.GetBucketCors(Bucket="box")


async def test_lifecycle_rules(cloud, bucket):
    page = f"{BOX}/management"
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Date": "2027-01-01"}}
    await cloud.browser.post(page, "lifecycle", lifecycle=json.dumps({"Rules": [rule]}))
    (kept,) = (await cloud.s3.GetBucketLifecycleConfiguration(Bucket="box"))["Rules"]
    assert kept["Expiration"]["Date"].isoformat() == "2027-01-01T00:00:00+00:00"
    shown = await cloud.browser.get(page)
    assert '"Date": "2027-01-01T00:00:00+00:00"' in shown.text
    await cloud.browser.post(page, "lifecycle", lifecycle="")
    with pytest.raises(AwsError, match="NoSuchLifecycleConfiguration"):
        await cloud.s3.GetBucketLifecycleConfiguration(Bucket="box")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "That is no JSON"),
        ("[]", "A configuration is an object"),
        ('{"Rules": "all"}', "SerializationException"),
        ('{"Rules": []}', "MalformedXML"),
        ('{"Rules": [{"Filter": {"Prefx": "logs/"}}]}', "There is no member Prefx in it."),
        ('{"Rules": [{"Expiration": {"Date": "soon"}}]}', "Write a Date as"),
        ('{"Rules": ' + "[" * 50 + "]" * 50 + "}", "too deep"),
        ('{"Rules": [{"Status": "Enabled", "Prefix": "", "Expiration": null}]}', "At least one action"),
    ],
)
async def test_what_is_no_configuration_is_refused_and_stays_to_be_mended(cloud, bucket, text, why):
    seen = await cloud.browser.post(f"{BOX}/management", "lifecycle", lifecycle=text)
    assert (seen.status, why in seen.text) == (400, True)
    assert text[:20] in seen.text
    with pytest.raises(AwsError, match="NoSuchLifecycleConfiguration"):
        await cloud.s3.GetBucketLifecycleConfiguration(Bucket="box")


async def test_unfinished_uploads_are_paged_and_aborted(cloud, bucket):
    for at in range(52):
        await cloud.s3.CreateMultipartUpload(Bucket="box", Key=f"big-{at:02}")
    first = await cloud.browser.get(f"{BOX}/management")
    second = await cloud.browser.follow(first, "from=")
    assert ("big-49" in first.text, "big-50" in first.text, "big-51" in second.text) == (True, False, True)
    (upload,) = (await cloud.s3.ListMultipartUploads(Bucket="box", Prefix="big-51"))["Uploads"]
    await cloud.browser.post(f"{BOX}/management", "abort", key="big-51", upload=upload["UploadId"])
    assert "Uploads" not in await cloud.s3.ListMultipartUploads(Bucket="box", Prefix="big-51")


# Permissions


async def test_who_may_not_sees_why(cloud, bucket):
    await put(cloud, "a")
    await cloud.visit_as("reader", "s3:ListAllMyBuckets")
    assert "box us-east-1" in (await cloud.browser.get("s3/buckets")).text
    denied = "reader is not authorized to perform: s3:"
    for path in (BOX, f"{BOX}/object?key=a", f"{BOX}/download?key=a"):
        seen = await cloud.browser.send("GET", f"{ROOT}/us-east-1/{path}".partition("?")[0], path.partition("?")[2])
        assert (seen.status, denied in seen.text) == (403, True), path
    for page, count in (("properties", 6), ("permissions", 5), ("management", 2)):
        seen = await cloud.browser.get(f"{BOX}/{page}")
        assert (seen.status, seen.text.count(denied)) == (200, count), page
    refused = await cloud.browser.post(f"{BOX}/management", "delete", typed_name="box")
    assert (refused.status, f"{denied}DeleteBucket" in refused.text) == (403, True)
    assert [each["Name"] for each in (await cloud.s3.ListBuckets())["Buckets"]] == ["box"]
