"""Exports to S3."""

import base64
import gzip
import hashlib
import json
from datetime import UTC, datetime

import pytest

from pileus.kernel.errors import AwsError, ServiceUnavailable
from pileus.kernel.principal import user
from pileus.services.dynamodb import export_files, exporting
from pileus.services.dynamodb.state import exports, history
from pileus.services.dynamodb.values import ion

MINUTE_MS, DAY_MS = 60_000, 86_400_000


def time(at_ms):
    return datetime.fromtimestamp(at_ms / 1000, UTC)


async def make_table(cloud, name="orders", is_recoverable=True):
    made = await cloud.dynamodb.CreateTable(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    await cloud.settle()
    if is_recoverable:
        await cloud.dynamodb.UpdateContinuousBackups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    return made["TableDescription"]["TableArn"]


@pytest.fixture
async def arn(cloud):
    """A table that can be exported, beside a bucket `exports`."""
    await cloud.s3.CreateBucket(Bucket="exports")
    return await make_table(cloud)


async def put(cloud, p, n=0, **more):
    item = {"p": {"S": p}, "n": {"N": str(n)}, **more}
    await cloud.dynamodb.PutItem(TableName="orders", Item=item)
    return item


async def delete(cloud, p, n=0):
    await cloud.dynamodb.DeleteItem(TableName="orders", Key={"p": {"S": p}, "n": {"N": str(n)}})


async def begin(cloud, arn, **more):
    asked = {"TableArn": arn, "S3Bucket": "exports"} | more
    return (await cloud.dynamodb.ExportTableToPointInTime(**asked))["ExportDescription"]


async def described(cloud, export):
    return (await cloud.dynamodb.DescribeExport(ExportArn=export["ExportArn"]))["ExportDescription"]


async def export(cloud, arn, **more):
    """Begin one and let it end."""
    begun = await begin(cloud, arn, **more)
    await cloud.settle()
    return await described(cloud, begun)


async def incremental(cloud, arn, from_ms, until_ms, view=None, **more):
    period = {"ExportFromTime": time(from_ms), "ExportToTime": time(until_ms)}
    if view:
        period["ExportViewType"] = view
    return await export(cloud, arn, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=period, **more)


async def keys(cloud):
    return [each["Key"] for each in (await cloud.s3.ListObjectsV2(Bucket="exports")).get("Contents", ())]


async def body(cloud, key):
    found = (await cloud.s3.GetObject(Bucket="exports", Key=key))["Body"]
    return b"".join([chunk async for chunk in cloud.pileus.blobs.stream([found])]) if found else b""


async def files(cloud, done):
    """The lines of manifest-files.json."""
    summary = json.loads(await body(cloud, done["ExportManifest"]))
    return [json.loads(line) for line in (await body(cloud, summary["manifestFilesS3Key"])).splitlines()]


async def lines(cloud, done):
    """All lines of all data files, in the manifest's order."""
    found = []
    for file in await files(cloud, done):
        text = gzip.decompress(await body(cloud, file["dataFileS3Key"])).splitlines()
        assert len(text) == file["itemCount"]
        found += text
    return found


async def items(cloud, done):
    return {
        (item["p"]["S"], item["n"]["N"]): item for item in [json.loads(x)["Item"] for x in await lines(cloud, done)]
    }


class TestFullExports:
    async def test_every_item_is_a_line_of_a_file_that_the_manifests_name(self, cloud, arn):
        one = await put(cloud, "a", 1, b={"B": b"\x00\xff"}, m={"M": {"l": {"L": [{"NULL": True}, {"SS": ["x"]}]}}})
        two = await put(cloud, "b", 2)
        done = await export(cloud, arn, S3Prefix="daily")
        label = done["ExportArn"].rpartition("/")[2]
        assert done["ExportArn"] == f"{arn}/export/{label}"
        folder = f"daily/AWSDynamoDB/{label}/"
        [file] = await files(cloud, done)
        assert file["dataFileS3Key"].startswith(f"{folder}data/")
        assert file["dataFileS3Key"].endswith(".json.gz")
        assert await keys(cloud) == [
            f"{folder}_started",
            file["dataFileS3Key"],
            f"{folder}manifest-files.json",
            f"{folder}manifest-files.md5",
            f"{folder}manifest-summary.json",
            f"{folder}manifest-summary.md5",
        ]
        one["b"] = {"B": base64.b64encode(b"\x00\xff").decode()}
        assert await items(cloud, done) == {("a", "1"): one, ("b", "2"): two}
        data = await body(cloud, file["dataFileS3Key"])
        assert file["md5Checksum"] == base64.b64encode(hashlib.md5(data).digest()).decode()
        head = await cloud.s3.HeadObject(Bucket="exports", Key=file["dataFileS3Key"])
        assert head["ETag"] == f'"{file["etag"]}"'
        for name in ("files", "summary"):
            manifest = await body(cloud, f"{folder}manifest-{name}.json")
            checksum = base64.b64encode(hashlib.md5(manifest).digest())
            assert await body(cloud, f"{folder}manifest-{name}.md5") == checksum

    async def test_the_summary_says_what_describe_export_says(self, cloud, arn):
        await put(cloud, "a", 1)
        begun = await begin(cloud, arn, S3SseAlgorithm="AES256", S3BucketOwner=cloud.account, ClientToken="one")
        assert begun["ExportStatus"] == "IN_PROGRESS"
        assert begun["ExportTime"] == begun["StartTime"] == time(cloud.clock.now_ms())
        assert "ItemCount" not in begun
        await cloud.settle()
        done = await described(cloud, begun)
        assert done == begun | {
            "ExportStatus": "COMPLETED",
            "EndTime": time(cloud.clock.now_ms()),
            "ItemCount": 1,
            "BilledSizeBytes": 5,  # p and a, n and a number of one digit: 2 + 3 bytes
            "ExportManifest": f"AWSDynamoDB/{done['ExportArn'].rpartition('/')[2]}/manifest-summary.json",
        }
        assert json.loads(await body(cloud, done["ExportManifest"])) == {
            "version": "2020-06-30",
            "exportArn": done["ExportArn"],
            "startTime": "2026-01-01T00:00:00.000Z",
            "endTime": "2026-01-01T00:00:00.000Z",
            "tableArn": arn,
            "tableId": done["TableId"],
            "exportTime": "2026-01-01T00:00:00.000Z",
            "s3Bucket": "exports",
            "s3Prefix": None,
            "s3SseAlgorithm": "AES256",
            "s3SseKmsKeyId": None,
            "manifestFilesS3Key": done["ExportManifest"].replace("summary", "files"),
            "billedSizeBytes": 5,
            "itemCount": 1,
            "outputFormat": "DYNAMODB_JSON",
            "exportType": "FULL_EXPORT",
        }

    async def test_an_empty_table_has_an_empty_file(self, cloud, arn):
        done = await export(cloud, arn)
        assert (done["ItemCount"], done["BilledSizeBytes"]) == (0, 0)
        assert [file["itemCount"] for file in await files(cloud, done)] == [0]
        assert await lines(cloud, done) == []

    @pytest.mark.parametrize(("prefix", "folder"), [("a", "a/"), ("a/", "a/"), ("/a", "/a/"), ("a/b", "a/b/")])
    async def test_a_prefix_is_a_folder(self, cloud, arn, prefix, folder):
        done = await export(cloud, arn, S3Prefix=prefix)
        assert done["S3Prefix"] == prefix
        assert done["ExportManifest"].startswith(f"{folder}AWSDynamoDB/0")

    async def test_a_table_is_exported_as_of_a_moment(self, cloud, arn):
        moments = []
        for change in (put(cloud, "a", 1, v={"S": "1"}), put(cloud, "a", 1, v={"S": "2"}), delete(cloud, "a", 1)):
            cloud.clock.advance(ms=1000)
            await change
            moments.append(cloud.clock.now_ms())
        for at_ms, versions in zip(moments, (["1"], ["2"], []), strict=True):
            done = await export(cloud, arn, ExportTime=time(at_ms))
            assert [item["v"]["S"] for item in (await items(cloud, done)).values()] == versions
            assert done["ExportTime"] == time(at_ms)

    async def test_an_export_is_of_the_moment_it_was_asked_for(self, cloud, arn, monkeypatch):
        monkeypatch.setattr(exports, "READ_AT_ONCE", 2)
        monkeypatch.setattr(export_files, "FILE_BYTES", 100)
        before = {("key", str(n)): await put(cloud, "key", n, v={"S": "before"}) for n in range(10)}
        begun = await begin(cloud, arn)  # nothing of it is read yet
        for n in range(0, 10, 2):
            await put(cloud, "key", n, v={"S": "after"})
        await delete(cloud, "key", 1)
        await put(cloud, "new")
        await cloud.settle()
        done = await described(cloud, begun)
        assert await items(cloud, done) == before
        assert len(await files(cloud, done)) > 2

    async def test_it_keeps_its_history_when_recovery_is_turned_off(self, cloud, arn):
        await put(cloud, "a", 1)
        begun = await begin(cloud, arn)
        await cloud.dynamodb.UpdateContinuousBackups(
            TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
        )
        await delete(cloud, "a", 1)
        await cloud.settle()
        assert set(await items(cloud, await described(cloud, begun))) == {("a", "1")}
        kept = [list(tx_rows(cloud, prefix)) for prefix in (history.CHANGES, history.MOMENTS)]
        assert kept == [[], []]

    async def test_changes_of_a_backup_before_recovery_are_not_exported(self, cloud, arn):
        """A backup under way keeps older changes than recovery does."""
        await make_table(cloud, "others", is_recoverable=False)
        others = {"TableName": "others"}
        await cloud.dynamodb.CreateBackup(**others, BackupName="before")
        await cloud.dynamodb.PutItem(**others, Item={"p": {"S": "a"}, "n": {"N": "1"}})
        await cloud.dynamodb.UpdateContinuousBackups(
            **others, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        done = await export(cloud, arn.replace("orders", "others"), ExportTime=time(cloud.clock.now_ms()))
        assert done["ItemCount"] == 1

    async def test_ion_lines_have_ions_own_types(self, cloud, arn):
        wanted = await put(
            cloud,
            "é",
            600,
            big={"N": "12345678901234567890123456789012345678"},
            tiny={"N": "1.5E-120"},
            b={"B": b"\x00\xff"},
            yes={"BOOL": True},
            no={"NULL": True},
            ss={"SS": ["a", "b"]},
            ns={"NS": ["1", "2.5"]},
            bs={"BS": [b"a"]},
            m={"M": {"l": {"L": [{"S": "x"}, {"N": "-1"}]}}},
        )
        done = await export(cloud, arn, ExportFormat="ION")
        [file] = await files(cloud, done)
        assert file["dataFileS3Key"].endswith(".ion.gz")
        [line] = await lines(cloud, done)
        assert line.startswith(b"$ion_1_0 {Item:{")
        assert b'ss:$dynamodb_SS::["a","b"]' in line
        assert b"b:{{AP8=}}" in line
        read = ion.item(ion.read_line(line)["Item"])
        assert read["tiny"] == {"N": "1.5E-120"}
        assert read["n"] == {"N": "600"}
        read |= {"tiny": wanted["tiny"]}
        assert read == wanted

    async def test_a_filter_chooses_items_by_their_keys_and_attributes(self, cloud, arn):
        for n in range(5):
            await put(cloud, "a", n, even={"BOOL": n % 2 == 0}, more={"S": "x"})
            await put(cloud, "b", n, even={"BOOL": True})
        done = await export(
            cloud,
            arn,
            FilterSpecification={
                "KeyConditionExpression": "p = :p AND n > :n",
                "FilterExpression": "even = :yes",
                "ProjectionExpression": "p, n",
                "ExpressionAttributeValues": {":p": {"S": "a"}, ":n": {"N": "0"}, ":yes": {"BOOL": True}},
            },
        )
        assert list((await items(cloud, done)).values()) == [{"p": {"S": "a"}, "n": {"N": str(n)}} for n in (2, 4)]
        assert done["ItemCount"] == 2

    async def test_a_filter_beside_a_key_condition_looks_at_no_keys(self, cloud, arn):
        chosen = {
            "KeyConditionExpression": "p = :p",
            "FilterExpression": "n > :n",
            "ExpressionAttributeValues": {":n": {"N": "1"}, ":p": {"S": "a"}},
        }
        message = "Filter Expression can only contain non-primary key attributes: Primary key attribute: n"
        with pytest.raises(AwsError, match=message):
            await begin(cloud, arn, FilterSpecification=chosen)

    async def test_a_filter_alone_may_look_at_keys(self, cloud, arn):
        for n in range(3):
            await put(cloud, "a", n)
        chosen = {"FilterExpression": "n > :n", "ExpressionAttributeValues": {":n": {"N": "0"}}}
        done = await export(cloud, arn, FilterSpecification=chosen)
        assert done["ItemCount"] == 2
        assert done["FilterSpecification"] == chosen

    async def test_a_filter_that_says_nothing_is_refused(self, cloud, arn):
        with pytest.raises(AwsError, match="Invalid FilterSpecification: The specification can not be empty"):
            await begin(cloud, arn, FilterSpecification={})


def tx_rows(cloud, prefix):
    return cloud.store.look(lambda tx: list(tx.scan(prefix, prefix + b"\xff")))[0]


class TestIncrementalExports:
    @pytest.fixture
    async def changed(self, cloud, arn):
        """What was there; the time in which things changed; everything changes again afterwards."""
        for p in ("same", "updated", "twice", "deleted", "replaced"):
            await put(cloud, p, v={"S": "old"})
        cloud.clock.advance(ms=1000)
        from_ms = cloud.clock.now_ms()
        await put(cloud, "updated", v={"S": "new"})  # at the very first moment
        cloud.clock.advance(ms=MINUTE_MS)
        await put(cloud, "twice", v={"S": "between"})
        await put(cloud, "twice", v={"S": "new"})
        await delete(cloud, "deleted")
        await put(cloud, "inserted", v={"S": "new"})
        await put(cloud, "brief")
        await delete(cloud, "brief")
        cloud.clock.advance(ms=14 * MINUTE_MS)
        until_ms = cloud.clock.now_ms()
        await put(cloud, "late")  # at the first moment that is not in it
        await put(cloud, "same", v={"S": "later"})
        await put(cloud, "updated", v={"S": "later"})
        await delete(cloud, "inserted")
        return from_ms, until_ms

    @pytest.mark.parametrize("at_once", [1, 100])
    async def test_it_holds_what_changed_in_its_time(self, cloud, arn, changed, monkeypatch, at_once):
        monkeypatch.setattr(exports, "CHANGES_AT_ONCE", at_once)
        from_ms, until_ms = changed
        done = await incremental(cloud, arn, from_ms, until_ms)
        found = {line["Keys"]["p"]["S"]: line for line in map(json.loads, await lines(cloud, done))}

        def image(p, v):
            return {"p": {"S": p}, "n": {"N": "0"}, "v": {"S": v}}

        def record(p, at_ms, **images):
            return {
                "Metadata": {"WriteTimestampMicros": {"N": str(at_ms * 1000)}},
                "Keys": {"p": {"S": p}, "n": {"N": "0"}},
                **{name: image(p, v) for name, v in images.items()},
            }

        later_ms = from_ms + MINUTE_MS
        assert found == {
            "updated": record("updated", from_ms, NewImage="new", OldImage="old"),
            "twice": record("twice", later_ms, NewImage="new", OldImage="old"),
            "deleted": record("deleted", later_ms, OldImage="old"),
            "inserted": record("inserted", later_ms, NewImage="new"),
        }
        assert done["ItemCount"] == 4
        assert done["IncrementalExportSpecification"] == {
            "ExportFromTime": time(from_ms),
            "ExportToTime": time(until_ms),
            "ExportViewType": "NEW_AND_OLD_IMAGES",
        }

    async def test_new_images_alone(self, cloud, arn, changed):
        done = await incremental(cloud, arn, *changed, view="NEW_IMAGE")
        found = {line["Keys"]["p"]["S"]: line for line in map(json.loads, await lines(cloud, done))}
        assert "OldImage" not in found["updated"]
        assert found["deleted"].keys() == {"Metadata", "Keys"}

    @pytest.mark.parametrize("view", ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"])
    async def test_a_filter_asks_the_latest_image(self, cloud, arn, changed, view):
        """A deleted item's is the old one, even where that isn't shown."""

        async def those_with(v):
            chosen = {"FilterExpression": "v = :v", "ExpressionAttributeValues": {":v": {"S": v}}}
            done = await incremental(cloud, arn, *changed, view=view, FilterSpecification=chosen)
            assert done["FilterSpecification"] == chosen
            found = {line["Keys"]["p"]["S"]: line for line in map(json.loads, await lines(cloud, done))}
            assert done["ItemCount"] == len(found)
            return found

        new = await those_with("new")
        assert new.keys() == {"updated", "twice", "inserted"}
        assert ("OldImage" in new["updated"]) == (view == "NEW_AND_OLD_IMAGES")
        assert (await those_with("old")).keys() == {"deleted"}
        assert not await those_with("later")

    async def test_a_filter_leaves_of_both_images_what_it_projects(self, cloud, arn, changed):
        done = await incremental(cloud, arn, *changed, FilterSpecification={"ProjectionExpression": "v"})
        found = {line["Keys"]["p"]["S"]: line for line in map(json.loads, await lines(cloud, done))}
        assert found.keys() == {"updated", "twice", "inserted", "deleted"}
        assert found["updated"] == {
            "Metadata": {"WriteTimestampMicros": {"N": str(changed[0] * 1000)}},
            "Keys": {"p": {"S": "updated"}, "n": {"N": "0"}},
            "NewImage": {"v": {"S": "new"}},
            "OldImage": {"v": {"S": "old"}},
        }

    @pytest.mark.parametrize("at_once", [1, 100])
    async def test_a_filter_reads_changes_of_one_partition_key(self, cloud, arn, monkeypatch, at_once):
        monkeypatch.setattr(exports, "CHANGES_AT_ONCE", at_once)
        from_ms = cloud.clock.now_ms()
        for n in range(5):
            for p in ("a", "b", "c"):
                await put(cloud, p, n)
        await delete(cloud, "b", 3)
        await put(cloud, "b", 1, v={"S": "no"})
        cloud.clock.advance(ms=15 * MINUTE_MS)
        chosen = {
            "KeyConditionExpression": "p = :p AND n BETWEEN :low AND :high",
            "FilterExpression": "attribute_not_exists(v)",
            "ExpressionAttributeValues": {":p": {"S": "b"}, ":low": {"N": "1"}, ":high": {"N": "3"}},
        }
        done = await incremental(cloud, arn, from_ms, cloud.clock.now_ms(), FilterSpecification=chosen)
        assert [json.loads(line)["Keys"] for line in await lines(cloud, done)] == [{"p": {"S": "b"}, "n": {"N": "2"}}]

    async def test_its_data_files_share_a_folder_with_those_of_others(self, cloud, arn, changed):
        done = await incremental(cloud, arn, *changed, S3Prefix="cdc")
        [file] = await files(cloud, done)
        assert file["dataFileS3Key"].startswith("cdc/AWSDynamoDB/data/")
        summary = json.loads(await body(cloud, done["ExportManifest"]))
        assert summary["version"] == "2023-08-01"
        assert summary["exportFromTime"] == "2026-01-01T00:00:01.000Z"
        assert summary["exportToTime"] == "2026-01-01T00:15:01.000Z"
        assert "exportTime" not in summary
        assert (summary["outputView"], summary["exportType"]) == ("NEW_AND_OLD_IMAGES", "INCREMENTAL_EXPORT")

    async def test_ion_lines_hold_records(self, cloud, arn, changed):
        done = await incremental(cloud, arn, *changed, ExportFormat="ION")
        records = [ion.read_line(line)["Record"] for line in await lines(cloud, done)]
        [deleted] = [record for record in records if record["Keys"]["p"] == "deleted"]
        assert deleted["Metadata"]["WriteTimestampMicros"] == (changed[0] + MINUTE_MS) * 1000
        assert ion.item(deleted["OldImage"])["v"] == {"S": "old"}

    async def test_its_time_is_15_minutes_to_24_hours_long(self, cloud, arn):
        await cloud.advance(2 * DAY_MS)
        now_ms = cloud.clock.now_ms()
        begin_ms = now_ms - DAY_MS
        for length_ms, refused in (
            (15 * MINUTE_MS, ""),
            (15 * MINUTE_MS - 1, "less than 15 minutes"),
            (DAY_MS, ""),
            (DAY_MS + 1, "cannot be greater than the current time : 2026-01-03T00:00:00Z"),
        ):
            if not refused:
                await incremental(cloud, arn, begin_ms, begin_ms + length_ms)
                continue
            with pytest.raises(AwsError, match=f"InvalidExportTimeException: .*{refused}"):
                await incremental(cloud, arn, begin_ms, begin_ms + length_ms)
        with pytest.raises(AwsError, match=r"InvalidExportTimeException: .* greater than 24 hours"):
            await incremental(cloud, arn, begin_ms - 1, now_ms)

    async def test_it_begins_after_its_table_did(self, cloud, arn):
        await cloud.advance(DAY_MS)
        await incremental(cloud, arn, cloud.at(0), cloud.at(DAY_MS))
        message = (
            "Incremental export period from time cannot be less than the table creation time : 2025-12-31T23:59:59Z"
        )
        with pytest.raises(AwsError, match=f"InvalidExportTimeException: {message}"):
            await incremental(cloud, arn, cloud.at(-1), cloud.at(DAY_MS) - 1)

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ({"ExportType": "INCREMENTAL_EXPORT"}, "Incremental Export Specification expected when export type is set"),
            (
                {"ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": {}},
                "ExportFromTime must be provided in IncrementalExportSpecification",
            ),
            (
                {"IncrementalExportSpecification": {}},
                "Export Type expected to be Incremental Export when incremental export specification is provided",
            ),
            (
                {"ExportType": "FULL_EXPORT", "IncrementalExportSpecification": {}},
                "When Export Type is Full Export , Incremental Export Specification should not be provided",
            ),
            ({"S3SseKmsKeyId": "alias/aws/s3"}, "KMS Key Id is not supported for this encryption type"),
        ],
    )
    async def test_what_does_not_go_together_is_refused(self, cloud, arn, asked, message):
        with pytest.raises(AwsError, match=f"ValidationException: Invalid Request: {message}"):
            await begin(cloud, arn, **asked)


class TestWhatEndsAnExport:
    async def test_without_recovery_there_is_none(self, cloud, arn):
        other = await make_table(cloud, "others", is_recoverable=False)
        message = "Point in time recovery is not enabled for table 'others'"
        with pytest.raises(AwsError, match=f"PointInTimeRecoveryUnavailableException: {message}"):
            await begin(cloud, other)

    async def test_a_time_outside_of_the_window_is_refused(self, cloud):
        arn = await make_table(cloud)
        await cloud.advance(36 * DAY_MS)
        now_ms = cloud.clock.now_ms()
        for at_ms in (now_ms + 1, now_ms - 35 * DAY_MS - 1):
            with pytest.raises(AwsError, match="InvalidExportTimeException: Export Time is invalid"):
                await begin(cloud, arn, ExportTime=time(at_ms))
        await begin(cloud, arn, ExportTime=time(now_ms - 35 * DAY_MS))

    @pytest.mark.parametrize(
        ("table_arn", "message"),
        [
            ("{arn}s", "TableNotFoundException: Table not found: {arn}s"),
            ("orders", "ValidationException: .*tableArn is not a valid ARN"),
            ("{arn}/index/by_n", "ValidationException: Invalid Request: Table ARN is invalid."),
        ],
    )
    async def test_no_table_no_export(self, cloud, arn, table_arn, message):
        with pytest.raises(AwsError, match=message.format(arn=arn)):
            await begin(cloud, table_arn.format(arn=arn))

    async def test_a_bucket_that_is_not_there_fails_it(self, cloud, arn):
        done = await export(cloud, arn, S3Bucket="nowhere")
        assert done["ExportStatus"] == "FAILED"
        assert done["FailureCode"] == "S3NoSuchBucket"
        assert done["FailureMessage"] == "The specified bucket does not exist"
        assert "EndTime" in done
        assert "ItemCount" not in done
        await cloud.dynamodb.DeleteTable(TableName="orders")  # nothing reads it any more

    async def test_a_bucket_of_another_owner_fails_it(self, cloud, arn):
        done = await export(cloud, arn, S3BucketOwner="999999999999")
        assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "S3AccessDenied")

    async def test_it_writes_as_who_asked_for_it(self, cloud, arn):
        made = (await cloud.iam.CreateUser(UserName="ann"))["User"]
        ann = user(cloud.account, "ann", made["UserId"])
        await allow(cloud, ["dynamodb:ExportTableToPointInTime"], arn, "table")
        client = cloud.as_(ann, "dynamodb")
        begun = (await client.ExportTableToPointInTime(TableArn=arn, S3Bucket="exports"))["ExportDescription"]
        await cloud.settle()
        failed = await described(cloud, begun)
        assert failed["FailureCode"] == "S3AccessDenied"
        assert "user/ann is not authorized to perform: s3:PutObject" in failed["FailureMessage"]
        await allow(cloud, ["s3:PutObject"], "arn:aws:s3:::exports/*", "bucket")
        begun = (await client.ExportTableToPointInTime(TableArn=arn, S3Bucket="exports"))["ExportDescription"]
        await cloud.settle()
        assert (await described(cloud, begun))["ExportStatus"] == "COMPLETED"
        with pytest.raises(AwsError, match="not authorized to perform: dynamodb:DescribeExport"):
            await client.DescribeExport(ExportArn=begun["ExportArn"])

    async def test_what_s3_does_not_do_yet_is_said_by_name(self, cloud, arn):
        done = await export(cloud, arn, S3SseAlgorithm="KMS", S3SseKmsKeyId="alias/mine")
        assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "NotImplemented")
        assert "s3:PutObject with SSEKMSKeyId" in done["FailureMessage"]

    async def test_files_are_encrypted_as_asked(self, cloud, arn):
        done = await export(cloud, arn, S3SseAlgorithm="KMS")
        head = await cloud.s3.HeadObject(Bucket="exports", Key=done["ExportManifest"])
        assert head["ServerSideEncryption"] == "aws:kms"

    async def test_a_fault_in_the_middle_loses_and_doubles_nothing(self, cloud, arn, monkeypatch):
        """What a killed process finds at its restart: the event, the files that were finished, one that was not noted."""
        monkeypatch.setattr(exports, "READ_AT_ONCE", 2)
        monkeypatch.setattr(export_files, "FILE_BYTES", 100)
        wanted = {("key", str(n)): await put(cloud, "key", n) for n in range(20)}
        real, puts = exporting.s3, []

        async def failing(call, operation, request):
            answer = await real(call, operation, request)
            puts.append(request["Key"])
            if len(puts) in (1, 3, 4, 7):
                raise ServiceUnavailable
            return answer

        monkeypatch.setattr(exporting, "s3", failing)
        begun = await begin(cloud, arn)
        await cloud.settle()
        assert (await described(cloud, begun))["ExportStatus"] == "IN_PROGRESS"
        for n in range(20):
            await put(cloud, "key", n, v={"S": "later"})
        await cloud.advance(MINUTE_MS)
        done = await described(cloud, begun)
        assert done["ExportStatus"] == "COMPLETED"
        assert len(puts) > len(set(puts))
        assert len(await lines(cloud, done)) == done["ItemCount"] == 20
        assert await items(cloud, done) == wanted
        named = {file["dataFileS3Key"] for file in await files(cloud, done)}
        assert {key for key in await keys(cloud) if "/data/" in key} == named


async def allow(cloud, actions, resource, name):
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}],
    }
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName=name, PolicyDocument=json.dumps(document))


class TestWhatIsKept:
    async def test_the_same_token_for_8_hours_is_the_same_export(self, cloud, arn):
        first = await export(cloud, arn, ClientToken="one")
        assert await begin(cloud, arn, ClientToken="one") == first
        with pytest.raises(
            AwsError,
            match="ExportConflictException: Export conflict: Duplicate request detected with conflicting parameters",
        ):
            await begin(cloud, arn, ClientToken="one", S3Prefix="other")
        await cloud.advance(8 * 60 * MINUTE_MS - 1)
        assert await begin(cloud, arn, ClientToken="one") == first
        await cloud.advance(1)
        assert (await begin(cloud, arn, ClientToken="one"))["ExportArn"] != first["ExportArn"]

    async def test_exports_are_listed_in_pages_the_newest_first(self, cloud, arn):
        begun = []
        for _ in range(5):
            begun.append((await export(cloud, arn))["ExportArn"])
            cloud.clock.advance(ms=1)
        other = (await export(cloud, await make_table(cloud, "others")))["ExportArn"]
        for asked, wanted in (({}, [other, *begun[::-1]]), ({"TableArn": arn}, begun[::-1])):
            found, token = [], {}
            while True:
                page = await cloud.dynamodb.ListExports(MaxResults=2, **asked, **token)
                found += [each["ExportArn"] for each in page["ExportSummaries"]]
                if "NextToken" not in page:
                    break
                assert len(page["ExportSummaries"]) == 2
                token = {"NextToken": page["NextToken"]}
            assert found == wanted
        summary = (await cloud.dynamodb.ListExports(TableArn=arn))["ExportSummaries"][0]
        assert summary == {"ExportArn": begun[-1], "ExportStatus": "COMPLETED", "ExportType": "FULL_EXPORT"}
        with pytest.raises(AwsError, match="Provided nextToken is invalid: 00"):
            await cloud.dynamodb.ListExports(NextToken="00")

    async def test_an_export_outlives_its_table_but_is_none_of_the_next_one(self, cloud, arn):
        done = await export(cloud, arn)
        await cloud.dynamodb.DeleteTable(TableName="orders")
        await cloud.settle()
        assert await described(cloud, done) == done
        assert (await cloud.dynamodb.ListExports(TableArn=arn))["ExportSummaries"] == []
        await make_table(cloud)
        assert (await cloud.dynamodb.ListExports(TableArn=arn))["ExportSummaries"] == []
        assert len((await cloud.dynamodb.ListExports())["ExportSummaries"]) == 1

    async def test_it_is_forgotten_90_days_after_it_ended(self, cloud, arn):
        done = await export(cloud, arn)
        await cloud.advance(90 * DAY_MS - 1)
        assert await described(cloud, done) == done
        await cloud.advance(1)
        with pytest.raises(AwsError, match=f"ExportNotFoundException: Export not found: .*{done['ExportArn']}"):
            await described(cloud, done)

    @pytest.mark.parametrize(
        ("export_arn", "message"),
        [
            ("{arn}/export/0", "ExportNotFoundException: Export not found: Export not found: {arn}/export/0"),
            ("{arn}", "ValidationException: Invalid Export ARN"),
            ("{arn}/import/0", "ValidationException: Invalid Export ARN"),
            ("x" * 40, "ValidationException: Invalid Export ARN"),
        ],
    )
    async def test_what_is_no_export_is_not_found(self, cloud, arn, export_arn, message):
        with pytest.raises(AwsError, match=message.format(arn=arn)):
            await cloud.dynamodb.DescribeExport(ExportArn=export_arn.format(arn=arn))
