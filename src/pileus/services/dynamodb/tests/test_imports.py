"""Imports from S3."""

import gzip
import json

import pytest
import zstandard

from pileus.kernel.errors import AwsError, ServiceUnavailable
from pileus.kernel.principal import user
from pileus.services.dynamodb import import_records, importing
from pileus.services.dynamodb.state import imports
from pileus.services.dynamodb.values import ion

DAY_MS = 86_400_000
ITEMS_FAILED = (
    "Some of the items failed validation checks and were not imported. Please check CloudWatch error logs for more "
    "details."
)


@pytest.fixture(autouse=True)
async def bucket(cloud):
    await cloud.s3.CreateBucket(Bucket="source")


async def upload(cloud, body, key="data/1"):
    body = body if isinstance(body, bytes) else body.encode()
    await cloud.s3.PutObject(Bucket="source", Key=key, Body=body)


def table(name="orders", **more):
    return {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    } | more


def typed(**types):
    """A table of p and n, with an index, and these types of attributes."""
    return table(
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_i",
                "KeySchema": [{"AttributeName": "i", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


async def begin(cloud, form="DYNAMODB_JSON", prefix="data/", parameters=None, **more):
    source = {"S3Bucket": "source", "S3KeyPrefix": prefix}
    request = {"S3BucketSource": source, "InputFormat": form, "TableCreationParameters": parameters or table()} | more
    return (await cloud.dynamodb.ImportTable(**request))["ImportTableDescription"]


async def described(cloud, one):
    return (await cloud.dynamodb.DescribeImport(ImportArn=one["ImportArn"]))["ImportTableDescription"]


async def imported(cloud, *asked, **more):
    """Begin one and let it end."""
    begun = await begin(cloud, *asked, **more)
    await cloud.settle()
    return await described(cloud, begun)


async def items(cloud, name="orders"):
    found = (await cloud.dynamodb.Scan(TableName=name))["Items"]
    return sorted(found, key=lambda item: item["p"]["S"])


async def status(cloud, name="orders"):
    return (await cloud.dynamodb.DescribeTable(TableName=name))["Table"]["TableStatus"]


async def errors(cloud, done):
    """What was logged: (key, index, message)."""
    label = done["ImportArn"].rpartition("/")[2]
    answer = await cloud.logs.GetLogEvents(
        logGroupName="/aws-dynamodb/imports", logStreamName=f"{label}/error", startFromHead=True
    )
    found = [json.loads(event["message"]) for event in answer["events"]]
    assert {entry["importArn"] for entry in found} <= {done["ImportArn"]}
    return [
        (entry["itemS3Pointer"]["key"], entry["itemS3Pointer"]["itemIndex"], *entry["errorMessages"]) for entry in found
    ]


def lines(*found):
    return "".join(json.dumps({"Item": item}) + "\n" for item in found)


def counts(done):
    return done["ProcessedItemCount"], done["ImportedItemCount"], done["ErrorCount"]


def key(p, **more):
    return {"p": {"S": p}, **more}


class TestFormats:
    async def test_every_type_of_dynamodb_json(self, cloud):
        item = key("a", n={"N": "1.50"}, b={"B": "AP8="}, m={"M": {"l": {"L": [{"NULL": True}]}}}, s={"SS": ["x"]})
        text = lines(item, key("b"))
        await upload(cloud, text)
        done = await imported(cloud)
        assert await items(cloud) == [item | {"n": {"N": "1.5"}, "b": {"B": b"\x00\xff"}}, key("b")]
        assert (done["ImportStatus"], counts(done)) == ("COMPLETED", (2, 2, 0))
        assert done["ProcessedSizeBytes"] == len(text)

    async def test_csv_makes_texts_of_all_but_keys(self, cloud):
        await upload(cloud, '\ufeffp,n,i,note\na,1.0,AP8=,5\nb,2,YQ==,"x, ""y""\nz"\n\n')
        done = await imported(cloud, "CSV", parameters=typed(p="S", n="N", i="B"))
        assert await items(cloud) == [
            {"p": {"S": "a"}, "n": {"N": "1"}, "i": {"B": b"\x00\xff"}, "note": {"S": "5"}},
            {"p": {"S": "b"}, "n": {"N": "2"}, "i": {"B": b"a"}, "note": {"S": 'x, "y"\nz'}},
        ]
        assert counts(done) == (2, 2, 0)
        assert "InputFormatOptions" not in done
        found = await cloud.dynamodb.Query(
            TableName="orders",
            IndexName="by_i",
            KeyConditionExpression="i = :i",
            ExpressionAttributeValues={":i": {"B": b"a"}},
        )
        assert [item["p"]["S"] for item in found["Items"]] == ["b"]

    @pytest.mark.parametrize("delimiter", [",", ";", ":", "|", "\t", " "])
    async def test_csv_with_a_header_of_its_own(self, cloud, delimiter):
        options = {"Csv": {"Delimiter": delimiter, "HeaderList": ["p", "note"]}}
        await upload(cloud, f"a{delimiter}1\r\nb{delimiter}")
        done = await imported(cloud, "CSV", InputFormatOptions=options)
        assert await items(cloud) == [key("a", note={"S": "1"}), key("b", note={"S": ""})]
        assert done["InputFormatOptions"] == options

    async def test_the_bytes_of_a_csv_header_count(self, cloud):
        text = "title,artist\nThe Dark Side of the Moon,Pink Floyd\n"
        await upload(cloud, text)
        done = await imported(cloud, "CSV")
        assert done["ProcessedSizeBytes"] == len(text)
        assert counts(done) == (1, 0, 1)
        message = "One or more parameter values were invalid: Missing the key p in the item"
        assert await errors(cloud, done) == [("data/1", 0, message)]

    async def test_ion(self, cloud):
        await upload(
            cloud,
            '$ion_1_0 {Item:{p:"a",n:103.,e:6d2,i:7,f:1.5e0,b:{{AP8=}},yes:true,no:null,sym:word,'
            'ss:$dynamodb_SS::["x"],ns:$dynamodb_NS::[1.,2d1],bs:$dynamodb_BS::[{{YQ==}}],m:{l:["x",null.null]}}}\n'
            '$ion_1_0 {Item:{p:"b",t:2024-01-01T}}\n'
            '$ion_1_0 {Item:{p:"c"}}\n',
        )
        done = await imported(cloud, "ION")
        assert await items(cloud) == [
            key(
                "a",
                n={"N": "103"},
                e={"N": "600"},
                i={"N": "7"},
                f={"N": "1.5"},
                b={"B": b"\x00\xff"},
                yes={"BOOL": True},
                no={"NULL": True},
                sym={"S": "word"},
                ss={"SS": ["x"]},
                ns={"NS": ["1", "20"]},
                bs={"BS": [b"a"]},
                m={"M": {"l": {"L": [{"S": "x"}, {"NULL": True}]}}},
            ),
            key("c"),
        ]
        assert counts(done) == (3, 2, 1)
        assert await errors(cloud, done) == [("data/1", 1, "An Ion timestamp has no type in DynamoDB")]

    @pytest.mark.parametrize(
        ("compression", "compress"), [("GZIP", gzip.compress), ("ZSTD", zstandard.ZstdCompressor().compress)]
    )
    async def test_compressed(self, cloud, compression, compress):
        """Frames may follow one another; larger ones come in pieces and take many batches."""
        parts = [lines(*(key(f"{part}-{n}", v={"S": "x" * 400}) for n in range(600))) for part in "ab"]
        await upload(cloud, b"".join(compress(part.encode()) for part in parts))
        done = await imported(cloud, InputCompressionType=compression)
        assert counts(done) == (1200, 1200, 0)
        assert done["ProcessedSizeBytes"] == sum(map(len, parts))
        assert (await cloud.dynamodb.DescribeTable(TableName="orders"))["Table"]["ItemCount"] == 1200

    @pytest.mark.parametrize("compression", ["GZIP", "ZSTD"])
    async def test_what_is_not_compressed_so_is_one_error(self, cloud, compression):
        await upload(cloud, lines(key("a")), "data/1")
        await upload(cloud, b"", "data/2")
        done = await imported(cloud, InputCompressionType=compression)
        assert (done["ImportStatus"], done["FailureCode"], counts(done)) == ("FAILED", "ItemValidationError", (1, 0, 1))

    async def test_a_compressed_object_that_was_cut_short(self, cloud):
        whole = gzip.compress(lines(*(key(str(n)) for n in range(10))).encode())
        await upload(cloud, whole[:-9])
        done = await imported(cloud, InputCompressionType="GZIP")
        assert done["FailureCode"] == "ItemValidationError"
        assert done["ErrorCount"] == 1

    async def test_a_line_without_end_is_not_read_into_memory(self, cloud, monkeypatch):
        monkeypatch.setattr(import_records, "LINE_BYTES_MAX", 1000)
        await upload(cloud, lines(key("a")) + "x" * 5000)
        done = await imported(cloud)
        assert counts(done) == (2, 1, 1)
        assert done["ProcessedSizeBytes"] <= len(lines(key("a"))) + 1001

    async def test_a_quote_that_never_ends_is_not_read_into_memory(self, cloud, monkeypatch):
        monkeypatch.setattr(import_records, "LINE_BYTES_MAX", 1000)
        await upload(cloud, 'p,v\na,1\nb,"' + "x\n" * 5000)
        done = await imported(cloud, "CSV")
        assert counts(done) == (2, 1, 1)
        assert done["ProcessedSizeBytes"] < 1100

    @pytest.mark.parametrize("form", ["DYNAMODB_JSON", "ION"])
    async def test_an_export_is_imported(self, cloud, form):
        await cloud.dynamodb.CreateTable(**table("first"))
        await cloud.settle()
        on = {"PointInTimeRecoveryEnabled": True}
        await cloud.dynamodb.UpdateContinuousBackups(TableName="first", PointInTimeRecoverySpecification=on)
        for n in range(10):
            await cloud.dynamodb.PutItem(TableName="first", Item=key(str(n), b={"B": b"\xff"}, n={"N": f"{n}E5"}))
        arn = (await cloud.dynamodb.DescribeTable(TableName="first"))["Table"]["TableArn"]
        exported = (await cloud.dynamodb.ExportTableToPointInTime(TableArn=arn, S3Bucket="source", ExportFormat=form))[
            "ExportDescription"
        ]
        await cloud.settle()
        prefix = f"AWSDynamoDB/{exported['ExportArn'].rpartition('/')[2]}/data/"
        done = await imported(cloud, form, prefix, InputCompressionType="GZIP")
        assert done["ImportStatus"] == "COMPLETED"
        assert await items(cloud) == await items(cloud, "first")


class TestErrors:
    async def test_an_item_that_is_none_is_skipped(self, cloud):
        wrong = {"n": {"N": "1"}}
        await upload(cloud, lines(key("a"), wrong, {"p": {"N": "1"}}, key("b", x={"X": 1}), key("c")) + '{"no": 1}\n')
        done = await imported(cloud)
        assert await items(cloud) == [key("a"), key("c")]
        assert (done["ImportStatus"], counts(done)) == ("FAILED", (6, 2, 4))
        assert (done["FailureCode"], done["FailureMessage"]) == ("ItemValidationError", ITEMS_FAILED)
        assert await status(cloud) == "ACTIVE"
        assert [(key, index) for key, index, _ in await errors(cloud, done)] == [("data/1", n) for n in (1, 2, 3, 5)]

    async def test_a_line_that_is_no_json_ends_its_object(self, cloud):
        good = [lines(key(str(n))) for n in range(10)]
        await upload(cloud, "".join(good[:5]) + "garbage\n" + "".join(good[6:]), "data/1")
        await upload(cloud, lines(key("next")), "data/2")
        done = await imported(cloud)
        assert counts(done) == (7, 6, 1)
        [(where, index, _)] = await errors(cloud, done)
        assert (where, index) == ("data/1", 5)

    async def test_a_csv_record_with_other_columns_is_skipped(self, cloud):
        await upload(cloud, "p,v\na,1\nb\nc,3,4\nd,5\n")
        done = await imported(cloud, "CSV")
        assert [item["p"]["S"] for item in await items(cloud)] == ["a", "d"]
        assert counts(done) == (4, 2, 2)

    async def test_the_last_of_several_with_one_key_stays(self, cloud):
        await upload(cloud, lines(key("a", v={"S": "1"}), key("a", v={"S": "2"})), "data/1")
        await upload(cloud, lines(key("a", v={"S": "3"})), "data/2")
        done = await imported(cloud)
        assert await items(cloud) == [key("a", v={"S": "3"})]
        assert counts(done) == (3, 3, 0)
        assert (await cloud.dynamodb.DescribeTable(TableName="orders"))["Table"]["ItemCount"] == 1

    async def test_a_bucket_that_is_not_there_makes_no_table(self, cloud):
        done = await imported(cloud, S3BucketSource={"S3Bucket": "nowhere"})
        assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
        assert done["FailureMessage"] == "The specified bucket does not exist"
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await status(cloud)
        await imported(cloud)  # its name is free

    async def test_another_owners_bucket_is_refused(self, cloud):
        done = await imported(cloud, S3BucketSource={"S3Bucket": "source", "S3BucketOwner": "999999999999"})
        assert done["FailureCode"] == "S3AccessDenied"

    async def test_a_prefix_without_objects_makes_an_empty_table(self, cloud):
        done = await imported(cloud)
        assert (done["ImportStatus"], counts(done)) == ("COMPLETED", (0, 0, 0))
        assert await status(cloud) == "ACTIVE"

    async def test_a_prefix_is_the_begin_of_keys(self, cloud):
        for name in ("data/1", "data2", "other"):
            await upload(cloud, lines(key(name)), name)
        await imported(cloud, prefix="data")
        assert [item["p"]["S"] for item in await items(cloud)] == ["data/1", "data2"]

    async def test_what_was_imported_before_an_error_of_s3_stays(self, cloud):
        made = (await cloud.iam.CreateUser(UserName="ann"))["User"]
        ann = user(cloud.account, "ann", made["UserId"])
        arns = ["arn:aws:s3:::source", "arn:aws:s3:::source/data/1", "arn:aws:logs:*:*:log-group:/aws-dynamodb/*"]
        statements = [
            {"Effect": "Allow", "Action": "dynamodb:ImportTable", "Resource": "arn:aws:dynamodb:*:*:table/orders"},
            {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject", "logs:*"], "Resource": arns},
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="import", PolicyDocument=document)
        await upload(cloud, lines(key("a")), "data/1")
        await upload(cloud, lines(key("b")), "data/2")
        begun = await cloud.as_(ann, "dynamodb").ImportTable(
            S3BucketSource={"S3Bucket": "source"}, InputFormat="DYNAMODB_JSON", TableCreationParameters=table()
        )
        await cloud.settle()
        done = await described(cloud, begun["ImportTableDescription"])
        assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "S3AccessDenied")
        assert "user/ann is not authorized to perform: s3:GetObject" in done["FailureMessage"]
        assert await items(cloud) == [key("a")]
        assert await status(cloud) == "ACTIVE"

    async def test_who_may_not_log_may_not_import(self, cloud):
        made = (await cloud.iam.CreateUser(UserName="ann"))["User"]
        ann = user(cloud.account, "ann", made["UserId"])
        allowed = {"Effect": "Allow", "Action": ["dynamodb:ImportTable", "s3:*"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="import", PolicyDocument=document)
        begun = await cloud.as_(ann, "dynamodb").ImportTable(
            S3BucketSource={"S3Bucket": "source"}, InputFormat="DYNAMODB_JSON", TableCreationParameters=table()
        )
        await cloud.settle()
        done = await described(cloud, begun["ImportTableDescription"])
        assert done["ImportStatus"] == "FAILED"
        assert "not authorized to perform: logs:CreateLogGroup" in done["FailureMessage"]

    async def test_what_does_not_go_together_is_refused(self, cloud):
        message = "Invalid Request: Unsupported InputFormatOptions for the given input format: ION."
        with pytest.raises(AwsError, match=f"ValidationException: {message}"):
            await begin(cloud, "ION", InputFormatOptions={"Csv": {"Delimiter": ","}})
        parameters = table()
        del parameters["BillingMode"]
        with pytest.raises(AwsError, match="ReadCapacityUnits and WriteCapacityUnits must both be specified"):
            await begin(cloud, parameters=parameters)
        await cloud.dynamodb.CreateTable(**table())
        with pytest.raises(AwsError, match="ResourceInUseException: Table already exists: orders"):
            await begin(cloud)

    @pytest.mark.parametrize(("form", "compression"), [("DYNAMODB_JSON", "NONE"), ("CSV", "GZIP")])
    async def test_a_fault_in_the_middle_loses_and_doubles_nothing(self, cloud, monkeypatch, form, compression):
        """What a killed process finds at its restart: the event, and how far batches were taken."""
        monkeypatch.setattr(import_records, "BATCH_RECORDS", 3)
        wanted = []
        size_bytes = 0
        for part in range(3):
            names = [f"{part}-{n}" for n in range(10)]
            text = lines(*map(key, names)) if form != "CSV" else "p\n" + "".join(f"{name}\n" for name in names)
            size_bytes += len(text)
            await upload(cloud, gzip.compress(text.encode()) if compression == "GZIP" else text, f"data/{part}")
            wanted += [key(name) for name in names]
        real, taken = imports.take, []

        def failing(tx, *args):
            taken.append(args)
            if len(taken) in (1, 3, 6, 11):
                raise ServiceUnavailable
            return real(tx, *args)

        monkeypatch.setattr(importing.imports, "take", failing)
        begun = await begin(cloud, form, InputCompressionType=compression)
        await cloud.settle()
        assert (await described(cloud, begun))["ImportStatus"] == "IN_PROGRESS"
        await cloud.advance(60_000)
        done = await described(cloud, begun)
        assert (done["ImportStatus"], counts(done)) == ("COMPLETED", (30, 30, 0))
        assert done["ProcessedSizeBytes"] == size_bytes
        assert await items(cloud) == wanted

    async def test_an_object_that_goes_meanwhile_is_an_error(self, cloud, monkeypatch):
        await upload(cloud, lines(key("a")), "data/1")
        await upload(cloud, lines(key("b")), "data/2")
        real = importing.s3

        async def deleting(call, operation, request):
            if operation == "GetObject" and request["Key"] == "data/2":
                await cloud.s3.DeleteObject(Bucket="source", Key="data/2")
            return await real(call, operation, request)

        monkeypatch.setattr(importing, "s3", deleting)
        done = await imported(cloud)
        assert (done["FailureCode"], counts(done)) == ("ItemValidationError", (2, 1, 1))


class TestWhatIsKept:
    async def test_the_table_is_being_created_until_all_is_there(self, cloud):
        await upload(cloud, lines(key("a")))
        begun = await begin(cloud, ClientToken="one")
        assert begun["ImportStatus"] == "IN_PROGRESS"
        assert await status(cloud) == "CREATING"
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await cloud.dynamodb.PutItem(TableName="orders", Item=key("b"))
        with pytest.raises(AwsError, match="ResourceInUseException"):
            await cloud.dynamodb.DeleteTable(TableName="orders")
        await cloud.settle()
        done = await described(cloud, begun)
        described_table = (await cloud.dynamodb.DescribeTable(TableName="orders"))["Table"]
        now = done["EndTime"]
        assert done == begun | {
            "ImportStatus": "COMPLETED",
            "EndTime": now,
            "ProcessedSizeBytes": len(lines(key("a"))),
            "ProcessedItemCount": 1,
            "ImportedItemCount": 1,
        }
        assert done["TableId"] == described_table["TableId"]
        assert done["S3BucketSource"] == {"S3Bucket": "source", "S3KeyPrefix": "data/", "S3BucketOwner": cloud.account}
        assert done["InputCompressionType"] == "NONE"
        assert done["TableCreationParameters"] == table()
        log_group = f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/aws-dynamodb/imports:*"
        assert done["CloudWatchLogGroupArn"] == log_group

    async def test_the_same_token_for_8_hours_is_the_same_import(self, cloud):
        first = await imported(cloud, ClientToken="one")
        assert await begin(cloud, ClientToken="one") == first
        with pytest.raises(
            AwsError,
            match="ImportConflictException: Import conflict: Duplicate request detected with conflicting parameters",
        ):
            await begin(cloud, ClientToken="one", parameters=table("others"))
        await cloud.advance(8 * 3_600_000 - 1)
        assert await begin(cloud, ClientToken="one") == first
        await cloud.advance(1)
        with pytest.raises(AwsError, match="ResourceInUseException"):
            await begin(cloud, ClientToken="one")

    async def test_imports_are_listed_in_pages_the_newest_first(self, cloud):
        begun = []
        for n in range(5):
            begun.append(await imported(cloud, parameters=table(f"table-{n}")))
            cloud.clock.advance(ms=1)
        found, token = [], {}
        while True:
            page = await cloud.dynamodb.ListImports(PageSize=2, **token)
            found += [each["ImportArn"] for each in page["ImportSummaryList"]]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert found == [each["ImportArn"] for each in begun[::-1]]
        arn = begun[2]["TableArn"]
        await cloud.dynamodb.DeleteTable(TableName="table-2")
        await cloud.settle()
        [only] = (await cloud.dynamodb.ListImports(TableArn=arn))["ImportSummaryList"]
        assert only["ImportArn"] == begun[2]["ImportArn"]

    async def test_it_is_forgotten_90_days_after_it_ended(self, cloud):
        done = await imported(cloud)
        await cloud.advance(90 * DAY_MS - 1)
        assert await described(cloud, done) == done
        await cloud.advance(1)
        with pytest.raises(AwsError, match="ImportNotFoundException"):
            await described(cloud, done)
        with pytest.raises(AwsError, match="ValidationException: Invalid Import ARN"):
            await described(cloud, {"ImportArn": done["TableArn"]})

    async def test_no_more_than_50_at_a_time(self, cloud):
        for n in range(50):
            await begin(cloud, parameters=table(f"table-{n}"))
        with pytest.raises(AwsError, match="LimitExceededException"):
            await begin(cloud)
        await cloud.settle()
        await begin(cloud)


async def test_ion_is_refused_by_name_where_its_library_is_missing(cloud, monkeypatch):
    monkeypatch.setattr(ion, "find_spec", lambda name: None)
    with pytest.raises(AwsError, match=r"NotImplemented: Pileus does not implement Amazon Ion without its library"):
        await begin(cloud, "ION")
    assert (await cloud.dynamodb.ListTables())["TableNames"] == []
