"""Exports and imports with the eyes of a stranger: what AWS's pages promise, beside what their own tests say.

Source: DynamoDB developer guide, "DynamoDB data export to Amazon S3", "DynamoDB table export output format", "DynamoDB data
import from Amazon S3", "Import format quotas and validation"; API reference, ImportTable, CsvOptions.
"""

import base64
import gzip
import hashlib
import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root, user
from pileus.services.dynamodb import export_files, exporting
from pileus.services.dynamodb.state import exports
from pileus.services.dynamodb.tests import test_exports, test_imports
from pileus.services.dynamodb.tests.conftest import index, item
from pileus.services.dynamodb.tests.test_imports import counts, errors, imported, key, lines, upload

ON = {"PointInTimeRecoveryEnabled": True}
WEST = "eu-west-1"
QUARTER_MS = 15 * 60_000


@pytest.fixture
async def bucket(cloud):
    await cloud.s3.CreateBucket(Bucket="exports")
    await cloud.s3.CreateBucket(Bucket="source")


@pytest.fixture
async def recoverable(make, bucket):
    table = await make("p", "n:N", called="orders")
    await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
    return table


async def caller(cloud, *statements):
    """A user who may do just that."""
    made = (await cloud.iam.CreateUser(UserName="ann"))["User"]
    await allow(cloud, *statements)
    return cloud.as_(user(cloud.account, "ann", made["UserId"]), "dynamodb")


async def allow(cloud, *statements):
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="own", PolicyDocument=document)


class TestExports:
    async def test_the_files_of_a_large_table_add_up(self, cloud, recoverable, monkeypatch):
        monkeypatch.setattr(exports, "READ_AT_ONCE", 7)
        monkeypatch.setattr(export_files, "FILE_BYTES", 300)
        for n in range(50):
            await recoverable.put(p=f"p{n}", n=n)
        done = await test_exports.export(cloud, recoverable.arn)
        files = await test_exports.files(cloud, done)
        assert len(files) > 3
        assert len({file["dataFileS3Key"] for file in files}) == len(files)
        assert sum(file["itemCount"] for file in files) == done["ItemCount"] == 50
        for file in files:
            body = await test_exports.body(cloud, file["dataFileS3Key"])
            assert base64.b64decode(file["md5Checksum"]) == hashlib.md5(body).digest()
            assert len(gzip.decompress(body).splitlines()) == file["itemCount"]

    async def test_an_incremental_one_has_all_ways_in_which_items_change(self, cloud, recoverable):
        from_ms = cloud.clock.now_ms()
        cloud.clock.advance(ms=1000)
        client, name = cloud.dynamodb, recoverable.name
        puts = [{"PutRequest": {"Item": item(p="batch", n=1)}}]
        await client.BatchWriteItem(RequestItems={name: puts})
        await client.TransactWriteItems(TransactItems=[{"Put": {"TableName": name, "Item": item(p="together", n=1)}}])
        await client.ExecuteStatement(Statement=f"INSERT INTO \"{name}\" VALUE {{'p': 'statement', 'n': 1}}")
        await recoverable.UpdateItem(
            Key=item(p="update", n=1),
            UpdateExpression="SET v = :v",
            ExpressionAttributeValues={":v": {"S": "x"}},
        )
        await recoverable.UpdateTimeToLive(TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
        await recoverable.put(p="expires", n=1, until=from_ms // 1000 + 5)
        await cloud.advance(QUARTER_MS)
        done = await test_exports.incremental(cloud, recoverable.arn, from_ms, cloud.clock.now_ms())
        found = {line["Keys"]["p"]["S"]: line for line in map(json.loads, await test_exports.lines(cloud, done))}
        assert found.keys() == {"batch", "together", "statement", "update"}  # what came and went is not there
        assert found["update"]["NewImage"] == item(p="update", n=1, v="x")

    async def test_one_exports_first_write_is_where_the_next_one_begins(self, cloud, recoverable):
        """Periods that follow each other have each change once: the begin is in a period, the end is not."""
        from_ms = cloud.clock.now_ms()
        middle_ms, end_ms = from_ms + QUARTER_MS, from_ms + 2 * QUARTER_MS
        await recoverable.put(p="first", n=1)
        await cloud.advance(QUARTER_MS)
        await recoverable.put(p="second", n=1)
        await cloud.advance(QUARTER_MS)
        found = []
        for begin, end in ((from_ms, middle_ms), (middle_ms, end_ms)):
            done = await test_exports.incremental(cloud, recoverable.arn, begin, end)
            found.append([json.loads(line)["Keys"]["p"]["S"] for line in await test_exports.lines(cloud, done)])
        assert found == [["first"], ["second"]]

    async def test_a_permission_that_is_lost_halfway_fails_it(self, cloud, recoverable, monkeypatch):
        monkeypatch.setattr(exports, "READ_AT_ONCE", 2)
        monkeypatch.setattr(export_files, "FILE_BYTES", 50)
        for n in range(20):
            await recoverable.put(p=str(n), n=n)
        may_export = {"Action": "dynamodb:ExportTableToPointInTime", "Resource": "*"}
        client = await caller(cloud, may_export, {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::exports/*"})
        real, written = exporting._put, []

        async def put(call, export, name, body):
            if "/data/" in name:
                written.append(name)
                if len(written) == 3:
                    await allow(cloud, may_export)
            return await real(call, export, name, body)

        monkeypatch.setattr(exporting, "_put", put)
        begun = (await client.ExportTableToPointInTime(TableArn=recoverable.arn, S3Bucket="exports"))[
            "ExportDescription"
        ]
        await cloud.settle()
        failed = await test_exports.described(cloud, begun)
        assert (failed["ExportStatus"], failed["FailureCode"]) == ("FAILED", "S3AccessDenied")
        assert "is not authorized to perform: s3:PutObject" in failed["FailureMessage"]
        assert not {"ItemCount", "ExportManifest", "BilledSizeBytes"} & failed.keys()
        assert not [name for name in await test_exports.keys(cloud) if "manifest" in name]
        assert (await cloud.dynamodb.ListExports())["ExportSummaries"][0]["ExportStatus"] == "FAILED"

    async def test_a_bucket_that_goes_halfway_fails_it(self, cloud, recoverable, monkeypatch):
        real = exporting._put

        async def put(call, export, name, body):
            if "/data/" in name:
                await cloud.s3.DeleteObject(Bucket="exports", Key=f"{export.folder}_started")
                await cloud.s3.DeleteBucket(Bucket="exports")
            return await real(call, export, name, body)

        monkeypatch.setattr(exporting, "_put", put)
        failed = await test_exports.export(cloud, recoverable.arn)
        assert (failed["ExportStatus"], failed["FailureCode"]) == ("FAILED", "S3NoSuchBucket")

    async def test_a_token_is_one_regions(self, cloud, recoverable):
        first = await test_exports.begin(cloud, recoverable.arn, ClientToken="one")
        west = cloud.as_(root(cloud.account), "dynamodb", region=WEST)
        with pytest.raises(AwsError, match="TableNotFoundException"):
            await west.ExportTableToPointInTime(TableArn=recoverable.arn, S3Bucket="exports", ClientToken="one")
        again = await test_exports.begin(cloud, recoverable.arn, ClientToken="one")
        assert again["ExportArn"] == first["ExportArn"]

    async def test_a_failed_one_is_asked_for_again_with_its_token(self, cloud, recoverable):
        failed = await test_exports.export(cloud, recoverable.arn, S3Bucket="nowhere", ClientToken="one")
        again = await test_exports.begin(cloud, recoverable.arn, S3Bucket="nowhere", ClientToken="one")
        assert again == failed


@pytest.mark.usefixtures("bucket")
class TestImports:
    def parameters(self, **more):
        types = {"p": "S", "c": "N", "g": "S", "b": "B"}
        return {
            "TableName": "orders",
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [index("by_g", "g", "b")],
            **more,
        }

    async def scan(self, cloud, **asked):
        found = (await cloud.dynamodb.Scan(TableName="orders", **asked))["Items"]
        return sorted(found, key=lambda one: (one["p"]["S"], int(one["c"]["N"])))

    async def test_each_object_of_csv_has_its_own_header(self, cloud):
        """Source: CsvOptions: without HeaderList the first line of each file is its header."""
        await upload(cloud, "p,c,v\na,1,x\n", "data/1")
        await upload(cloud, "v,c,p,more\ny,2,a,z\n", "data/2")
        done = await imported(cloud, "CSV", parameters=self.parameters())
        assert counts(done) == (2, 2, 0)
        assert await self.scan(cloud) == [item(p="a", c=1, v="x"), item(p="a", c=2, v="y", more="z")]

    async def test_what_no_key_can_be_is_an_error_and_the_rest_goes_on(self, cloud):
        await upload(
            cloud, "p,c,g,b\n,1,x,YQ==\na,word,x,YQ==\na,3,,YQ==\na,4,x,no base64!\na,5,x,YQ==\na,1e400,x,YQ==\n"
        )
        done = await imported(cloud, "CSV", parameters=self.parameters())
        assert [one["c"]["N"] for one in await self.scan(cloud)] == ["5"]
        assert counts(done) == (6, 1, 5)
        assert [at for _, at, _ in await errors(cloud, done)] == [0, 1, 2, 3, 5]
        assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "ItemValidationError")

    async def test_items_fill_the_indexes_that_they_belong_to(self, cloud):
        own = key("a", c={"N": "1"})
        indexed = own | {"c": {"N": "2"}, "g": {"S": "x"}, "b": {"B": "YQ=="}}
        wrong = own | {"c": {"N": "3"}, "g": {"N": "1"}, "b": {"B": "YQ=="}}
        await upload(cloud, lines(own, indexed, wrong))
        done = await imported(cloud, parameters=self.parameters())
        assert counts(done) == (3, 2, 1)
        assert len(await self.scan(cloud)) == 2
        assert [one["c"]["N"] for one in await self.scan(cloud, IndexName="by_g")] == ["2"]
        table = (await cloud.dynamodb.DescribeTable(TableName="orders"))["Table"]
        assert (table["ItemCount"], table["GlobalSecondaryIndexes"][0]["ItemCount"]) == (2, 1)
        assert table["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"

    async def test_an_item_larger_than_400_kb_is_an_error(self, cloud):
        large = key("a", c={"N": "1"}, text={"S": "x" * (400 * 1024)})
        fits = key("b", c={"N": "1"}, text={"S": "x" * (400 * 1024 - 20)})
        await upload(cloud, lines(large, fits))
        done = await imported(cloud, parameters=self.parameters())
        assert counts(done) == (2, 1, 1)
        [(_, at, message)] = await errors(cloud, done)
        assert (at, message) == (0, "Item size has exceeded the maximum allowed size")

    async def test_the_table_is_made_as_its_parameters_say(self, cloud):
        units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
        asked = self.parameters(
            BillingMode="PROVISIONED",
            ProvisionedThroughput=units,
            SSESpecification={"Enabled": True, "SSEType": "KMS"},
            GlobalSecondaryIndexes=[index("by_g", "g", "b") | {"ProvisionedThroughput": units}],
        )
        await upload(cloud, lines(key("a", c={"N": "1"})))
        done = await imported(cloud, parameters=asked)
        assert done["TableCreationParameters"] == asked
        table = (await cloud.dynamodb.DescribeTable(TableName="orders"))["Table"]
        assert table["TableStatus"] == "ACTIVE"
        assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 6
        assert table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
        assert table["SSEDescription"]["SSEType"] == "KMS"

    async def test_an_error_ends_its_object_and_not_the_others(self, cloud):
        for at, body in enumerate((lines(key("a", c={"N": "1"})) + "{", "", "\n\n", lines(key("b", c={"N": "1"})))):
            await upload(cloud, body, f"data/{at}")
        done = await imported(cloud, parameters=self.parameters())
        assert counts(done) == (3, 2, 1)
        assert [one["p"]["S"] for one in await self.scan(cloud)] == ["a", "b"]

    async def test_a_source_of_another_region_and_a_token_of_this_one(self, cloud):
        """Source: "the new table may be in a different Region from the source bucket"."""
        await upload(cloud, lines(key("a", c={"N": "1"})))
        west = cloud.as_(root(cloud.account), "dynamodb", region=WEST)
        asked = {
            "S3BucketSource": {"S3Bucket": "source"},
            "InputFormat": "DYNAMODB_JSON",
            "TableCreationParameters": self.parameters(),
            "ClientToken": "one",
        }
        begun = (await west.ImportTable(**asked))["ImportTableDescription"]
        here = (await cloud.dynamodb.ImportTable(**asked))["ImportTableDescription"]
        assert begun["ImportArn"] != here["ImportArn"]
        await cloud.settle()
        assert (await west.Scan(TableName="orders"))["Count"] == 1
        with pytest.raises(AwsError, match="ImportNotFoundException"):
            await cloud.dynamodb.DescribeImport(ImportArn=begun["ImportArn"])
        [listed] = (await west.ListImports())["ImportSummaryList"]
        assert listed["ImportArn"] == begun["ImportArn"]

    async def test_what_a_table_can_not_be_is_refused_at_once(self, cloud):
        for parameters in (
            self.parameters(GlobalSecondaryIndexes=[index("by_g", "nothing")]),
            self.parameters(BillingMode="PROVISIONED"),
            self.parameters(GlobalSecondaryIndexes=[]),
            self.parameters(TableName="a b"),
        ):
            with pytest.raises(AwsError, match="ValidationException"):
                await test_imports.begin(cloud, parameters=parameters)
        for options in ({"Delimiter": "x"}, {"HeaderList": []}):
            with pytest.raises(AwsError, match="ValidationException"):
                await test_imports.begin(
                    cloud, "CSV", parameters=self.parameters(), InputFormatOptions={"Csv": options}
                )
        assert (await cloud.dynamodb.ListImports())["ImportSummaryList"] == []
        assert (await cloud.dynamodb.ListTables())["TableNames"] == []

    async def test_an_incremental_export_is_no_import(self, cloud):
        """Its lines hold changes, not items."""
        change = {"Keys": {"p": {"S": "a"}, "c": {"N": "1"}}, "NewImage": {"p": {"S": "a"}, "c": {"N": "1"}}}
        await upload(cloud, json.dumps(change) + "\n")
        done = await imported(cloud, parameters=self.parameters())
        assert counts(done) == (1, 0, 1)
