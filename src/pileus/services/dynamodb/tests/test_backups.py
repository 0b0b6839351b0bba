"""Backups, restores and point-in-time recovery."""

from datetime import UTC, datetime, timedelta

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.state import backups, history, tables

DAY_MS = 86_400_000
ON = {"PointInTimeRecoveryEnabled": True}


async def make_table(cloud, name="orders", **more):
    await cloud.dynamodb.CreateTable(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_n",
                "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    await cloud.settle()


async def put(cloud, p, n, table="orders"):
    await cloud.dynamodb.PutItem(TableName=table, Item={"p": {"S": p}, "n": {"N": str(n)}})


async def delete(cloud, p, table="orders"):
    await cloud.dynamodb.DeleteItem(TableName=table, Key={"p": {"S": p}})


async def items(cloud, table):
    found = (await cloud.dynamodb.Scan(TableName=table))["Items"]
    return {item["p"]["S"]: int(item["n"]["N"]) for item in found}


async def back_up(cloud, name="before"):
    made = await cloud.dynamodb.CreateBackup(TableName="orders", BackupName=name)
    return made["BackupDetails"]["BackupArn"]


async def restore(cloud, arn, name="restored", **more):
    await cloud.dynamodb.RestoreTableFromBackup(BackupArn=arn, TargetTableName=name, **more)
    await cloud.settle()


async def restore_to(cloud, at_ms, name="restored"):
    await cloud.dynamodb.RestoreTableToPointInTime(
        SourceTableName="orders", TargetTableName=name, RestoreDateTime=datetime.fromtimestamp(at_ms / 1000, UTC)
    )
    await cloud.settle()


async def turn(cloud, specification=ON):
    return await cloud.dynamodb.UpdateContinuousBackups(
        TableName="orders", PointInTimeRecoverySpecification=specification
    )


async def system_backups(cloud):
    """Unchecked: the names that AWS gives them break AWS's own pattern of names."""
    call = cloud.pileus.call("dynamodb", "ListBackups", principal=root(cloud.account))
    return (await cloud.pileus.invoke(call, {"BackupType": "SYSTEM"}))["BackupSummaries"]


def changes_kept(cloud):
    return cloud.store.look(lambda tx: len(list(tx.scan(history.CHANGES, history.CHANGES + b"\xff"))))[0]


class TestWhatIsRefused:
    async def test_a_backup_is_known_in_its_region(self, cloud):
        await make_table(cloud)
        arn = await back_up(cloud)
        await cloud.settle()
        west = cloud.as_(root(cloud.account), "dynamodb", region="eu-west-1")
        for asked in (west.DescribeBackup(BackupArn=arn), west.DeleteBackup(BackupArn=arn)):
            with pytest.raises(AwsError, match=f"BackupNotFoundException: Backup not found: {arn}"):
                await asked
        with pytest.raises(AwsError, match="Invalid Request: The supplied ExclusiveStartBackupArn does not match the"):
            await west.ListBackups(ExclusiveStartBackupArn=arn)
        await cloud.dynamodb.DescribeBackup(BackupArn=arn)

    async def test_what_names_no_backup(self, cloud):
        table_arn = f"arn:aws:dynamodb:{cloud.region}:{cloud.account}:table/orders"
        for arn, message in (
            (table_arn, "ValidationException: Invalid Backup ARN"),
            (f"{table_arn}/backup/1".replace(":aws:", ":aws-cn:"), "Invalid Request: BackupArn is not valid"),
        ):
            with pytest.raises(AwsError, match=message):
                await cloud.dynamodb.DescribeBackup(BackupArn=arn)

    async def test_a_time_range_that_ends_before_it_begins(self, cloud):
        at = datetime.fromtimestamp(cloud.clock.now_ms() / 1000, UTC)
        asked = {"TimeRangeLowerBound": at, "TimeRangeUpperBound": at - timedelta(milliseconds=1)}
        with pytest.raises(AwsError, match="invalid: Time range lower bound must be less than or equal to upper bound"):
            await cloud.dynamodb.ListBackups(**asked)
        assert await cloud.dynamodb.ListBackups(TimeRangeLowerBound=at, TimeRangeUpperBound=at) == {
            "BackupSummaries": []
        }

    async def test_a_period_of_recovery_that_is_turned_off(self, cloud):
        await make_table(cloud)
        message = "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery"
        with pytest.raises(AwsError, match=message):
            await turn(cloud, {"PointInTimeRecoveryEnabled": False, "RecoveryPeriodInDays": 3})


class TestBackups:
    async def test_a_backup_is_restored_with_its_indexes(self, cloud):
        await make_table(cloud)
        await put(cloud, "a", 1)
        await put(cloud, "b", 2)
        arn = await back_up(cloud)
        await cloud.settle()
        await delete(cloud, "a")
        await restore(cloud, arn)
        assert await items(cloud, "restored") == {"a": 1, "b": 2}
        answer = await cloud.dynamodb.Query(
            TableName="restored",
            IndexName="by_n",
            KeyConditionExpression="n = :n",
            ExpressionAttributeValues={":n": {"N": "2"}},
        )
        assert answer["Count"] == 1
        table = (await cloud.dynamodb.DescribeTable(TableName="restored"))["Table"]
        assert table["TableStatus"] == "ACTIVE"
        assert table["ItemCount"] == 2
        assert "RestoreSummary" not in table

    async def test_a_backup_is_of_the_moment_it_was_asked_for(self, cloud, monkeypatch):
        monkeypatch.setattr(backups, "COPIED_AT_ONCE", 2)
        await make_table(cloud)
        for n in range(10):
            await put(cloud, f"key-{n}", n)
        before = await items(cloud, "orders")
        arn = await back_up(cloud)  # nothing of it is copied yet
        for n in range(0, 10, 2):
            await put(cloud, f"key-{n}", 100)
            await put(cloud, f"key-{n}", 200)
        await delete(cloud, "key-1")
        await put(cloud, "new", 11)
        await cloud.settle()
        await restore(cloud, arn)
        assert await items(cloud, "restored") == before
        assert changes_kept(cloud) == 0

    async def test_a_backup_outlives_its_table(self, cloud):
        await make_table(cloud)
        await put(cloud, "a", 1)
        arn = await back_up(cloud)
        await cloud.settle()
        await cloud.dynamodb.DeleteTable(TableName="orders")
        await cloud.settle()
        await restore(cloud, arn, "orders")
        assert await items(cloud, "orders") == {"a": 1}

    async def test_a_backup_says_what_it_holds(self, cloud):
        await make_table(cloud)
        await put(cloud, "a", 1)
        arn = await back_up(cloud)
        described = (await cloud.dynamodb.DescribeBackup(BackupArn=arn))["BackupDescription"]
        assert described["BackupDetails"]["BackupStatus"] == "CREATING"
        await cloud.settle()
        described = (await cloud.dynamodb.DescribeBackup(BackupArn=arn))["BackupDescription"]
        assert described["BackupDetails"]["BackupStatus"] == "AVAILABLE"
        assert described["SourceTableDetails"]["ItemCount"] == 1
        # p and a, n and a number of one digit: 2 + 3 bytes
        assert described["BackupDetails"]["BackupSizeBytes"] == 5
        assert [each["IndexName"] for each in described["SourceTableFeatureDetails"]["GlobalSecondaryIndexes"]] == [
            "by_n"
        ]

    async def test_a_table_is_not_deleted_while_it_is_backed_up(self, cloud):
        await make_table(cloud)
        await back_up(cloud)
        with pytest.raises(AwsError, match="ResourceInUseException"):
            await cloud.dynamodb.DeleteTable(TableName="orders")
        await cloud.settle()
        await cloud.dynamodb.DeleteTable(TableName="orders")

    async def test_a_backup_under_way_is_not_deleted(self, cloud):
        await make_table(cloud)
        arn = await back_up(cloud)
        with pytest.raises(AwsError, match="BackupInUseException"):
            await cloud.dynamodb.DeleteBackup(BackupArn=arn)
        await cloud.settle()
        deleted = await cloud.dynamodb.DeleteBackup(BackupArn=arn)
        assert deleted["BackupDescription"]["BackupDetails"]["BackupStatus"] == "DELETED"
        with pytest.raises(AwsError, match=f"BackupNotFoundException: Backup not found: {arn}"):
            await cloud.dynamodb.DescribeBackup(BackupArn=arn)

    async def test_backups_are_listed_in_pages_in_the_order_they_were_made(self, cloud):
        await make_table(cloud)
        arns = []
        for name in ("one", "two", "three"):
            arns.append(await back_up(cloud, name))
            cloud.clock.advance(ms=1000)
        page = await cloud.dynamodb.ListBackups(Limit=2)
        assert [each["BackupArn"] for each in page["BackupSummaries"]] == arns[:2]
        rest = await cloud.dynamodb.ListBackups(Limit=2, ExclusiveStartBackupArn=page["LastEvaluatedBackupArn"])
        assert [each["BackupArn"] for each in rest["BackupSummaries"]] == arns[2:]
        assert "LastEvaluatedBackupArn" not in rest
        late = await cloud.dynamodb.ListBackups(TimeRangeLowerBound=datetime.fromtimestamp(cloud.at(1000) / 1000, UTC))
        assert [each["BackupArn"] for each in late["BackupSummaries"]] == arns[1:]
        assert (await cloud.dynamodb.ListBackups(TableName="others"))["BackupSummaries"] == []

    async def test_a_restored_table_may_leave_indexes_out(self, cloud):
        await make_table(cloud)
        arn = await back_up(cloud)
        await cloud.settle()
        await restore(
            cloud,
            arn,
            GlobalSecondaryIndexOverride=[],
            BillingModeOverride="PROVISIONED",
            ProvisionedThroughputOverride={"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
        )
        table = (await cloud.dynamodb.DescribeTable(TableName="restored"))["Table"]
        assert "GlobalSecondaryIndexes" not in table
        assert table["AttributeDefinitions"] == [{"AttributeName": "p", "AttributeType": "S"}]
        assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 4

    async def test_a_name_that_is_taken_is_refused(self, cloud):
        await make_table(cloud)
        arn = await back_up(cloud)
        await cloud.settle()
        with pytest.raises(AwsError, match="TableAlreadyExistsException: Table already exists: orders"):
            await restore(cloud, arn, "orders")

    async def test_a_table_that_is_not_there_is_refused(self, cloud):
        with pytest.raises(AwsError, match="TableNotFoundException: Table not found: orders"):
            await back_up(cloud)


class TestPointInTimeRecovery:
    async def test_a_table_is_restored_to_each_moment(self, cloud):
        await make_table(cloud)
        await put(cloud, "always", 0)
        await turn(cloud)
        moments = []
        for change in (
            lambda: put(cloud, "a", 1),
            lambda: put(cloud, "a", 2),
            lambda: delete(cloud, "a"),
            lambda: put(cloud, "a", 3),
            lambda: delete(cloud, "always"),
        ):
            cloud.clock.advance(ms=1000)
            await change()
            moments.append((cloud.clock.now_ms(), await items(cloud, "orders")))
        for at, (at_ms, before) in enumerate(moments):
            await restore_to(cloud, at_ms, f"restored-{at}")
            assert await items(cloud, f"restored-{at}") == before
            if at:
                await restore_to(cloud, at_ms - 1, f"earlier-{at}")
                assert await items(cloud, f"earlier-{at}") == moments[at - 1][1]

    async def test_the_window_begins_where_it_was_turned_on_and_ends_now(self, cloud):
        await make_table(cloud)
        cloud.clock.advance(ms=1000)
        turned_ms = cloud.clock.now_ms()
        await turn(cloud)
        cloud.clock.advance(ms=1000)
        for at_ms in (turned_ms - 1, cloud.clock.now_ms() + 1):
            with pytest.raises(AwsError, match="InvalidRestoreTimeException"):
                await restore_to(cloud, at_ms)
        await restore_to(cloud, turned_ms)
        described = (await cloud.dynamodb.DescribeContinuousBackups(TableName="orders"))[
            "ContinuousBackupsDescription"
        ]["PointInTimeRecoveryDescription"]
        assert described["EarliestRestorableDateTime"] == datetime.fromtimestamp(turned_ms / 1000, UTC)

    async def test_what_is_older_than_the_window_is_forgotten(self, cloud, monkeypatch):
        monkeypatch.setattr(history, "PRUNED_AT_ONCE", 2)
        await make_table(cloud)
        await turn(cloud, ON | {"RecoveryPeriodInDays": 1})
        for n in range(5):
            await put(cloud, f"key-{n}", n)
        await cloud.advance(DAY_MS // 2)
        await put(cloud, "key-0", 100)
        assert changes_kept(cloud) == 6
        await cloud.advance(DAY_MS - 1)
        assert changes_kept(cloud) == 1
        await restore_to(cloud, cloud.clock.now_ms() - DAY_MS)
        assert (await items(cloud, "restored"))["key-0"] == 0

    async def test_the_window_begins_with_what_the_table_was_then_also_while_it_is_backed_up(self, cloud):
        await make_table(cloud)
        await put(cloud, "a", 1)
        await back_up(cloud)  # under way: what is changed keeps a history
        await put(cloud, "a", 2)
        cloud.clock.advance(ms=1000)
        await turn(cloud)
        turned_ms = cloud.clock.now_ms()
        cloud.clock.advance(ms=1000)
        await restore_to(cloud, turned_ms)
        await restore_to(cloud, cloud.clock.now_ms(), "later")
        assert await items(cloud, "restored") == await items(cloud, "later") == {"a": 2}

    async def test_a_table_is_restored_to_the_first_moment_while_what_is_older_goes(self, cloud, monkeypatch):
        monkeypatch.setattr(history, "PRUNED_AT_ONCE", 2)
        await make_table(cloud)
        await turn(cloud, ON | {"RecoveryPeriodInDays": 1})
        for n in range(5):
            await put(cloud, f"key-{n}", n)
        cloud.clock.advance(ms=DAY_MS + 1)
        table = (await cloud.store.read(tables.find, Address(cloud.account, cloud.region, "orders"))).id
        await cloud.store.write(history.prune, str(table))  # one of its steps
        assert changes_kept(cloud) == 3
        await restore_to(cloud, cloud.clock.now_ms() - DAY_MS)
        assert await items(cloud, "restored") == {f"key-{n}": n for n in range(5)}

    async def test_turned_off_it_forgets(self, cloud):
        await make_table(cloud)
        await turn(cloud)
        await put(cloud, "a", 1)
        await turn(cloud, {"PointInTimeRecoveryEnabled": False})
        assert changes_kept(cloud) == 0
        with pytest.raises(AwsError, match="Point in time recovery is not enabled for table 'orders'"):
            await restore_to(cloud, cloud.clock.now_ms())

    async def test_the_latest_moment(self, cloud):
        await make_table(cloud)
        await turn(cloud)
        await put(cloud, "a", 1)
        await cloud.dynamodb.RestoreTableToPointInTime(
            SourceTableName="orders", TargetTableName="restored", UseLatestRestorableTime=True
        )
        await put(cloud, "a", 2)
        await cloud.settle()
        assert await items(cloud, "restored") == {"a": 1}
        with pytest.raises(AwsError, match="ValidationException"):
            await cloud.dynamodb.RestoreTableToPointInTime(SourceTableName="orders", TargetTableName="other")

    async def test_a_deleted_table_is_kept_for_35_days(self, cloud):
        await make_table(cloud)
        await turn(cloud)
        await put(cloud, "a", 1)
        await cloud.dynamodb.DeleteTable(TableName="orders")
        await cloud.settle()
        assert (await cloud.dynamodb.ListBackups())["BackupSummaries"] == []
        [backup] = await system_backups(cloud)
        assert backup["BackupName"] == "orders$DeletedTableBackup"
        arn = backup["BackupArn"]
        assert arn.endswith("-00000000")
        with pytest.raises(
            AwsError, match=f"not allowed to delete the system backup with arn {arn}. It will automatic"
        ):
            await cloud.dynamodb.DeleteBackup(BackupArn=arn)
        await cloud.advance(35 * DAY_MS - 1000)
        await restore(cloud, backup["BackupArn"], "orders")
        assert await items(cloud, "orders") == {"a": 1}
        await cloud.advance(DAY_MS * 2)
        assert (await cloud.dynamodb.ListBackups(BackupType="ALL"))["BackupSummaries"] == []
