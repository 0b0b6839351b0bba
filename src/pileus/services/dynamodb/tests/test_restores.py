"""What a restored table is like, and what restores refuse.

Source: DynamoDB API reference, RestoreTableFromBackup, RestoreTableToPointInTime, DescribeContinuousBackups; developer
guide, "Backup and restore for DynamoDB: how it works", "Point-in-time backups".
"""

from datetime import UTC, datetime

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.dynamodb.state import records
from pileus.services.dynamodb.tests.conftest import index

ON = {"PointInTimeRecoveryEnabled": True}
DAY_MS = 86_400_000
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
OTHER_UNITS = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
WEST = "eu-west-1"


def time(at_ms):
    return datetime.fromtimestamp(at_ms / 1000, UTC)


@pytest.fixture
def provisioned(make):
    return lambda: make(
        "p",
        "c",
        types={"g": "S", "v": "N"},
        ProvisionedThroughput=UNITS,
        GlobalSecondaryIndexes=[index(name, "g", "c") | {"ProvisionedThroughput": UNITS} for name in ("one", "two")],
        LocalSecondaryIndexes=[index("own", "p", "v", projection={"ProjectionType": "KEYS_ONLY"})],
    )


async def backed_up(cloud, table):
    arn = (await table.CreateBackup(BackupName="before"))["BackupDetails"]["BackupArn"]
    await cloud.settle()
    return arn


async def restored(cloud, arn, name="restored", region=None, **overrides):
    client = cloud.as_(root(cloud.account), "dynamodb", region=region)
    await client.RestoreTableFromBackup(BackupArn=arn, TargetTableName=name, **overrides)
    await cloud.settle()
    return (await client.DescribeTable(TableName=name))["Table"]


async def restored_to(cloud, name="restored", **asked):
    await cloud.dynamodb.RestoreTableToPointInTime(TargetTableName=name, **asked)
    await cloud.settle()
    return (await cloud.dynamodb.DescribeTable(TableName=name))["Table"]


class TestTheRestoredTable:
    async def test_has_the_sources_keys_indexes_and_capacity(self, cloud, provisioned):
        table = await provisioned()
        source = (await table.DescribeTable())["Table"]
        found = await restored(cloud, await backed_up(cloud, table))
        for member in ("AttributeDefinitions", "KeySchema", "ProvisionedThroughput"):
            assert found[member] == source[member]
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            for had, has in zip(source[kind], found[kind], strict=True):
                own = {"IndexArn": has["IndexArn"]}
                assert has == had | own
                assert has["IndexArn"].startswith(found["TableArn"])
        assert found["TableId"] != source["TableId"]

    async def test_has_none_of_what_is_to_be_set_up_anew(self, cloud, make):
        table = await make(
            "p",
            Tags=[{"Key": "team", "Value": "a"}],
            DeletionProtectionEnabled=True,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        await table.UpdateTimeToLive(TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
        found = await restored(cloud, await backed_up(cloud, table))
        client, named = cloud.dynamodb, {"TableName": "restored"}
        assert not found["DeletionProtectionEnabled"]
        assert not {"StreamSpecification", "LatestStreamArn"} & found.keys()
        assert (await client.ListTagsOfResource(ResourceArn=found["TableArn"]))["Tags"] == []
        assert (await client.DescribeTimeToLive(**named))["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
        described = (await client.DescribeContinuousBackups(**named))["ContinuousBackupsDescription"]
        assert described["PointInTimeRecoveryDescription"] == {"PointInTimeRecoveryStatus": "DISABLED"}

    async def test_takes_no_requests_while_it_is_filled(self, cloud, make):
        table = await make("p")
        await table.put(p="a")
        arn = await backed_up(cloud, table)
        made = (await cloud.dynamodb.RestoreTableFromBackup(BackupArn=arn, TargetTableName="restored"))[
            "TableDescription"
        ]
        assert made["TableStatus"] == "CREATING"
        assert made["RestoreSummary"] == {
            "SourceBackupArn": arn,
            "SourceTableArn": table.arn,
            "RestoreDateTime": time(cloud.clock.now_ms()),
            "RestoreInProgress": True,
        }
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await cloud.dynamodb.Scan(TableName="restored")
        with pytest.raises(AwsError, match="ResourceInUseException"):
            await cloud.dynamodb.DeleteTable(TableName="restored")
        with pytest.raises(AwsError, match="BackupInUseException"):
            await cloud.dynamodb.DeleteBackup(BackupArn=arn)
        await cloud.settle()
        await cloud.dynamodb.DeleteBackup(BackupArn=arn)

    async def test_of_a_moment_has_the_settings_that_the_source_has_now(self, cloud, make):
        table = await make("p")
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
        await table.put(p="a", g="x")
        before_ms = cloud.clock.now_ms()
        cloud.clock.advance(ms=1000)
        await table.UpdateTable(
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in "pg"],
            GlobalSecondaryIndexUpdates=[{"Create": index("later", "g")}],
        )
        await cloud.settle()
        await table.put(p="b", g="x")
        found = await restored_to(cloud, SourceTableName=table.name, RestoreDateTime=time(before_ms))
        assert [(one["IndexName"], one["ItemCount"]) for one in found["GlobalSecondaryIndexes"]] == [("later", 1)]

    async def test_of_another_region(self, cloud, make):
        """Source: developer guide, "Restoring a table to a point in time": SourceTableArn names it, and encryption is
        to be said."""
        table = await make("p", SSESpecification={"Enabled": True, "SSEType": "KMS"})
        await table.put(p="a")
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
        west = cloud.as_(root(cloud.account), "dynamodb", region=WEST)
        encrypted = {"SSESpecificationOverride": {"Enabled": True, "SSEType": "KMS"}}
        with pytest.raises(AwsError, match="ValidationException: SSESpecificationOverride must be specified"):
            await restored(cloud, await backed_up(cloud, table), region=WEST)
        found = await restored(cloud, await backed_up(cloud, table), region=WEST, **encrypted)
        assert f":{WEST}:" in found["TableArn"]
        assert f":kms:{WEST}:" in found["SSEDescription"]["KMSMasterKeyArn"]
        assert (await west.Scan(TableName="restored"))["Count"] == 1
        await west.RestoreTableToPointInTime(
            SourceTableArn=table.arn, TargetTableName="latest", UseLatestRestorableTime=True, **encrypted
        )
        await cloud.settle()
        assert (await west.Scan(TableName="latest"))["Count"] == 1
        with pytest.raises(AwsError, match="TableNotFoundException"):
            await west.RestoreTableToPointInTime(
                SourceTableName=table.name, TargetTableName="other", UseLatestRestorableTime=True
            )


class TestOverrides:
    async def test_on_demand_instead_of_provisioned(self, cloud, provisioned):
        table = await provisioned()
        found = await restored(cloud, await backed_up(cloud, table), BillingModeOverride="PAY_PER_REQUEST")
        nothing = {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
        assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert found["ProvisionedThroughput"] == nothing
        assert [one["ProvisionedThroughput"] for one in found["GlobalSecondaryIndexes"]] == [nothing, nothing]

    async def test_provisioned_instead_of_on_demand_takes_capacity_for_each_index(self, cloud, make):
        table = await make("p", types={"g": "S"}, GlobalSecondaryIndexes=[index("one", "g")])
        arn = await backed_up(cloud, table)
        asked = {"BillingModeOverride": "PROVISIONED"}
        with pytest.raises(AwsError, match="ReadCapacityUnits and WriteCapacityUnits must both be specified"):
            await restored(cloud, arn, **asked)
        asked["ProvisionedThroughputOverride"] = UNITS
        with pytest.raises(AwsError, match="ProvisionedThroughput is not specified for index: one"):
            await restored(cloud, arn, **asked)
        asked["GlobalSecondaryIndexOverride"] = [index("one", "g") | {"ProvisionedThroughput": OTHER_UNITS}]
        found = await restored(cloud, arn, **asked)
        [kept] = found["GlobalSecondaryIndexes"]
        units = kept["ProvisionedThroughput"]
        assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (7, 8)
        assert found["ProvisionedThroughput"]["ReadCapacityUnits"] == 5

    async def test_capacity_for_what_is_on_demand_is_refused(self, cloud, make):
        arn = await backed_up(cloud, await make("p"))
        with pytest.raises(AwsError, match="BillingMode is PAY_PER_REQUEST"):
            await restored(cloud, arn, ProvisionedThroughputOverride=UNITS)
        found = await restored(cloud, arn, OnDemandThroughputOverride={"MaxReadRequestUnits": 9})
        assert found["OnDemandThroughput"]["MaxReadRequestUnits"] == 9

    async def test_some_indexes_or_none(self, cloud, provisioned):
        table = await provisioned()
        await table.PutItem(Item={"p": {"S": "a"}, "c": {"S": "b"}, "g": {"S": "x"}, "v": {"N": "1"}})
        arn = await backed_up(cloud, table)
        found = await restored(
            cloud,
            arn,
            GlobalSecondaryIndexOverride=[index("two", "g", "c") | {"ProvisionedThroughput": UNITS}],
            LocalSecondaryIndexOverride=[],
        )
        assert [one["IndexName"] for one in found["GlobalSecondaryIndexes"]] == ["two"]
        assert "LocalSecondaryIndexes" not in found
        assert {one["AttributeName"] for one in found["AttributeDefinitions"]} == {"p", "c", "g"}
        found = await cloud.dynamodb.Scan(TableName="restored", IndexName="two")
        assert found["Count"] == 1

    async def test_indexes_are_those_of_the_source_as_they_were(self, cloud, provisioned):
        """Source: API reference: the indexes provided should match existing secondary indexes."""
        arn = await backed_up(cloud, await provisioned())
        for wrong in (index("three", "g"), index("two", "c", "g"), index("two", "g"), index("own", "p", "v")):
            override = [wrong | {"ProvisionedThroughput": UNITS}]
            with pytest.raises(AwsError, match="ValidationException"):
                await restored(cloud, arn, GlobalSecondaryIndexOverride=override)
        other = index("two", "g", "c", projection={"ProjectionType": "KEYS_ONLY"}) | {"ProvisionedThroughput": UNITS}
        with pytest.raises(AwsError, match="ValidationException"):
            await restored(cloud, arn, GlobalSecondaryIndexOverride=[other])

    async def test_encryption(self, cloud, make):
        key = f"arn:aws:kms:us-east-1:{cloud.account}:key/11111111-1111-1111-1111-111111111111"
        arn = await backed_up(cloud, await make("p"))
        override = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
        found = await restored(cloud, arn, SSESpecificationOverride=override)
        assert found["SSEDescription"] == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key}
        again = await backed_up(cloud, await make("p", called="encrypted", SSESpecification=override))
        assert (await restored(cloud, again, "kept"))["SSEDescription"]["KMSMasterKeyArn"] == key
        plain = await restored(cloud, again, "plain", SSESpecificationOverride={"Enabled": False})
        assert "SSEDescription" not in plain


class TestWhatIsRefused:
    async def test_a_name_in_use_also_by_a_table_that_is_only_being_restored(self, cloud, make):
        arn = await backed_up(cloud, await make("p"))
        asked = {"BackupArn": arn, "TargetTableName": "restored"}
        await cloud.dynamodb.RestoreTableFromBackup(**asked)
        with pytest.raises(AwsError, match="TableAlreadyExistsException: Table already exists: restored"):
            await cloud.dynamodb.RestoreTableFromBackup(**asked)
        with pytest.raises(AwsError, match="ResourceInUseException"):
            await make("p", called="restored")

    async def test_a_backup_that_is_being_made(self, cloud, make):
        table = await make("p")
        arn = (await table.CreateBackup(BackupName="before"))["BackupDetails"]["BackupArn"]
        with pytest.raises(AwsError, match="BackupInUseException"):
            await cloud.dynamodb.RestoreTableFromBackup(BackupArn=arn, TargetTableName="restored")

    async def test_no_more_than_50_restores_at_a_time(self, cloud, make):
        """Source: API reference: up to 50 concurrent restores, of any type, in an account."""
        table = await make("p")
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
        arn = await backed_up(cloud, table)
        for n in range(50):
            await cloud.dynamodb.RestoreTableFromBackup(BackupArn=arn, TargetTableName=f"restored-{n}")
        asked = {"TargetTableName": "one-more"}
        with pytest.raises(AwsError, match="LimitExceededException"):
            await cloud.dynamodb.RestoreTableFromBackup(BackupArn=arn, **asked)
        with pytest.raises(AwsError, match="LimitExceededException"):
            await cloud.dynamodb.RestoreTableToPointInTime(
                SourceTableName=table.name, UseLatestRestorableTime=True, **asked
            )
        await cloud.settle()
        await cloud.dynamodb.RestoreTableFromBackup(BackupArn=arn, **asked)

    async def test_no_more_tables_than_an_account_may_have(self, cloud, make, monkeypatch):
        arn = await backed_up(cloud, await make("p"))
        monkeypatch.setattr(records, "TABLES_MAX", 1)
        with pytest.raises(AwsError, match="LimitExceededException"):
            await cloud.dynamodb.RestoreTableFromBackup(BackupArn=arn, TargetTableName="restored")

    async def test_moments_outside_of_the_window(self, cloud, make):
        table = await make("p")
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON | {"RecoveryPeriodInDays": 3})
        await table.put(p="a")
        await cloud.advance(10 * DAY_MS)
        described = (await table.DescribeContinuousBackups())["ContinuousBackupsDescription"]
        window = described["PointInTimeRecoveryDescription"]
        first, last = window["EarliestRestorableDateTime"], window["LatestRestorableDateTime"]
        assert first == time(cloud.clock.now_ms() - 3 * DAY_MS)
        for at in (time(cloud.clock.now_ms() - 3 * DAY_MS - 1), time(cloud.clock.now_ms() + 1)):
            with pytest.raises(AwsError, match="InvalidRestoreTimeException"):
                await restored_to(cloud, SourceTableName=table.name, RestoreDateTime=at)
        for name, at in (("first", first), ("last", last)):
            await restored_to(cloud, name, SourceTableName=table.name, RestoreDateTime=at)
            assert (await cloud.dynamodb.Scan(TableName=name))["Count"] == 1

    async def test_recovery_that_was_turned_off_and_on_begins_anew(self, cloud, make):
        """Source: developer guide, "Before you begin using point-in-time recovery"."""
        table = await make("p")
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
        cloud.clock.advance(ms=5000)
        before_ms = cloud.clock.now_ms()
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False})
        cloud.clock.advance(ms=5000)
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
        with pytest.raises(AwsError, match="InvalidRestoreTimeException"):
            await restored_to(cloud, SourceTableName=table.name, RestoreDateTime=time(before_ms))
        await restored_to(cloud, SourceTableName=table.name, UseLatestRestorableTime=True)

    async def test_what_names_no_source_or_no_moment(self, cloud, make):
        table = await make("p")
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
        at = time(cloud.clock.now_ms())
        for asked in (
            {"UseLatestRestorableTime": True},
            {"SourceTableName": table.name},
            {"SourceTableName": table.name, "UseLatestRestorableTime": False},
            {"SourceTableName": table.name, "UseLatestRestorableTime": True, "RestoreDateTime": at},
        ):
            with pytest.raises(AwsError, match="ValidationException"):
                await restored_to(cloud, **asked)
        with pytest.raises(AwsError, match="TableNotFoundException: Table not found: nowhere"):
            await restored_to(cloud, SourceTableName="nowhere", UseLatestRestorableTime=True)


class TestDeletedTables:
    async def test_a_backup_of_a_deleted_table_says_what_the_table_was(self, cloud, provisioned):
        table = await provisioned()
        await table.PutItem(Item={"p": {"S": "a"}, "c": {"S": "b"}})
        arn = await backed_up(cloud, table)
        source = (await table.DescribeTable())["Table"]
        await table.DeleteTable()
        await cloud.settle()
        described = (await cloud.dynamodb.DescribeBackup(BackupArn=arn))["BackupDescription"]
        details = described["SourceTableDetails"]
        assert details["TableId"] == source["TableId"]
        assert (details["ItemCount"], details["KeySchema"]) == (1, source["KeySchema"])
        [listed] = (await cloud.dynamodb.ListBackups(TableName=table.name))["BackupSummaries"]
        assert listed["BackupArn"] == arn
        found = await restored(cloud, arn, table.name)
        assert (found["ItemCount"], found["TableArn"]) == (1, source["TableArn"])

    async def test_a_deleted_table_can_not_be_restored_to_a_moment(self, cloud, make):
        table = await make("p")
        await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
        await table.DeleteTable()
        await cloud.settle()
        with pytest.raises(AwsError, match="TableNotFoundException"):
            await restored_to(cloud, SourceTableName=table.name, UseLatestRestorableTime=True)
