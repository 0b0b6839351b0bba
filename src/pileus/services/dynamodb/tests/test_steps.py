"""Long work goes in steps of a megabyte, however large the items are."""

from datetime import UTC, datetime

import pytest

from pileus.kernel.principal import root
from pileus.services.dynamodb.state import rows
from pileus.services.dynamodb.tests.conftest import index
from pileus.store.store import Store
from pileus.store.transaction import Transaction

ITEM_BYTES, COUNT = 300_000, 12
STEP_BYTES_MAX = (1 << 20) + 2 * 400 * 1024
"""A step ends behind the item that fills it, and looks at one more to know whether there is any."""
ON = {"PointInTimeRecoveryEnabled": True}
DAY_MS = 86_400_000


@pytest.fixture
def looked_at(monkeypatch):
    """Bytes of items (and of what they were) that each transaction looked at by ranges."""
    found: dict[int, int] = {}
    transactions = []  # kept, as else another one would get its id
    real = Transaction.scan

    def scan(tx, *args, **named):
        for key, value in real(tx, *args, **named):
            if key.startswith((rows.ITEMS, b"dynamodb.history\0")):
                if id(tx) not in found:
                    transactions.append(tx)
                found[id(tx)] = found.get(id(tx), 0) + len(value)
            yield key, value

    monkeypatch.setattr(Transaction, "scan", scan)
    # Looks share a transaction; here each counts for itself.
    monkeypatch.setattr(Store, "_looking", property(lambda store: None, lambda store, tx: None), raising=False)
    return found


@pytest.fixture
async def large(make):
    table = await make("p")
    for n in range(COUNT):
        await put(table, n)
    return table


async def put(table, n, **more):
    until = {"until": {"N": "1767225660"}}  # a minute after the cloud's begin
    text = {"S": "x" * ITEM_BYTES}
    await table.PutItem(Item={"p": {"S": f"{n:02}"}, "g": {"S": "same"}, "text": text, **until, **more})


async def make_index(cloud, table):
    definitions = [{"AttributeName": name, "AttributeType": "S"} for name in "pg"]
    created = [{"Create": index("by_g", "g")}]
    await table.UpdateTable(AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=created)


async def expire(cloud, table):
    await table.UpdateTimeToLive(TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    await cloud.advance(120_000)


async def back_up_and_restore(cloud, table):
    arn = (await table.CreateBackup(BackupName="before"))["BackupDetails"]["BackupArn"]
    await cloud.settle()
    await cloud.dynamodb.RestoreTableFromBackup(BackupArn=arn, TargetTableName="restored")


async def recover(cloud, table):
    await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
    at = datetime.fromtimestamp(cloud.clock.now_ms() / 1000, UTC)
    cloud.clock.advance(ms=1000)
    for n in range(COUNT):
        await put(table, n, more={"S": "y"})
    await cloud.dynamodb.RestoreTableToPointInTime(
        SourceTableName=table.name, TargetTableName="restored", RestoreDateTime=at
    )


async def forget(cloud, table):
    await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON | {"RecoveryPeriodInDays": 1})
    for n in range(COUNT):
        await put(table, n, more={"S": "y"})
    await cloud.advance(3 * DAY_MS)


async def replicate(cloud, table):
    await table.UpdateTable(ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    await cloud.settle()
    for n in range(COUNT):
        await put(table, n, more={"S": "y"})


async def export(cloud, table):
    await cloud.s3.CreateBucket(Bucket="exports")
    await table.UpdateContinuousBackups(PointInTimeRecoverySpecification=ON)
    await cloud.dynamodb.ExportTableToPointInTime(TableArn=table.arn, S3Bucket="exports")


@pytest.mark.parametrize("work", [make_index, expire, back_up_and_restore, recover, forget, replicate, export])
async def test_no_step_looks_at_more_than_a_megabyte(cloud, large, looked_at, work):
    await work(cloud, large)
    await cloud.settle()
    # What is restored to a moment is looked at twice: as it is and as it was.
    assert 0 < max(looked_at.values()) <= STEP_BYTES_MAX * (2 if work is recover else 1)


async def test_no_step_changes_more_than_a_megabyte(cloud, large, monkeypatch):
    """Expiry looks at entries and reads the items one by one: what it says to the stream tells how many."""
    await large.UpdateTable(StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"})
    await cloud.settle()
    changed = []
    real = cloud.store.engine.apply

    def apply(changes, ranges=()):
        changed.append(sum(len(value) for value in changes.values() if value))
        return real(changes, ranges)

    monkeypatch.setattr(cloud.store.engine, "apply", apply)
    await expire(cloud, large)
    client = cloud.as_(root(cloud.account), "dynamodb")
    assert (await client.Scan(TableName=large.name))["Count"] == 0
    assert sum(changed) >= COUNT * ITEM_BYTES
    assert max(changed) <= STEP_BYTES_MAX
