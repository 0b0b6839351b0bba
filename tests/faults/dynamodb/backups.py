"""Backups and restores of a table that lives on: each is exactly what the table was at its moment."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from tests.faults.dynamodb.work import (
    ON_DEMAND,
    Kept,
    Work,
    attributes,
    keys,
    pages,
    put_all,
    wait_active,
    wait_for,
)

TABLE = "books"
ITEMS = 2200
"""Some steps of a copy."""
RESTORED = "restored"
CHECKED = 6
"""Backups, and moments, that are restored at the end."""
QUIET_S = 0.05
COPIED_EVERY_S = 0.3
KEPT = 10


class Backups(Work):
    """One writer, so that what the table is when it asks for a backup is known, and when a second is full too.

    moments_kept   second -> what the table was when it was full, as nothing was asked then
    backups        name -> what the table was when it was asked for
    restoring      what the table that is being restored must become
    """

    def prepare(self) -> None:
        self.dynamodb.create_table(
            TableName=TABLE, **ON_DEMAND, AttributeDefinitions=attributes(p="S"), KeySchema=keys("p")
        )
        wait_active(self.dynamodb, TABLE)
        self.kept = Kept()
        self.kept.items = {key: self.new_item(key) for key in (f"k{n}" for n in range(ITEMS))}
        put_all(self.dynamodb, TABLE, list(self.kept.items.values()))
        self.dynamodb.update_continuous_backups(
            TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        self.began_s = int(time.time()) + 1
        self.moments_kept: dict[int, dict] = {}
        self.backups: dict[str, dict] = {}
        self.restoring: dict | None = None
        self.backed_up = self.copying = self.restores = 0
        self.copy_at_s = 0.0

    def new_item(self, key: str) -> dict:
        self.number += 1
        return {"p": {"S": key}, "v": {"N": str(self.number)}}

    def steps(self) -> list[Callable[[], None]]:
        return [self.write]

    def write(self) -> None:
        self.pass_a_full_second()
        if time.monotonic() >= self.copy_at_s and self.restoring is None:
            self.copy_at_s = time.monotonic() + COPIED_EVERY_S
            self.begin_copy()
        key = f"k{self.moments.randrange(ITEMS + 100)}"
        item = None if self.moments.random() < 0.3 else self.new_item(key)
        self.kept.asking({key: item})
        if item is None:
            self.dynamodb.delete_item(TableName=TABLE, Key={"p": {"S": key}})
        else:
            self.dynamodb.put_item(TableName=TABLE, Item=item)
        self.kept.answered()

    def pass_a_full_second(self) -> None:
        """Ask for nothing while a second becomes full, and note what the table is then."""
        now_s = time.time()
        if now_s % 1 > 1 - QUIET_S:
            time.sleep(1 - now_s % 1 + 0.01)
            self.moments_kept[int(now_s) + 1] = dict(self.kept.items)

    def begin_copy(self) -> None:
        """Ask for a backup, or for a restore, and don't wait: the kill may come while it is under way."""
        ready = [name for name, _ in self.described("AVAILABLE")]
        if self.moments.random() < 0.6 or not ready:
            self.backed_up += 1
            name = f"backup-{self.backed_up}"
            self.backups[name] = dict(self.kept.items)
            self.dynamodb.create_backup(TableName=TABLE, BackupName=name)
            return
        name = self.moments.choice(ready)
        self.restoring = self.backups[name]
        arn = next(arn for one, arn in self.described() if one == name)
        self.dynamodb.restore_table_from_backup(TargetTableName=RESTORED, BackupArn=arn)

    def described(self, status: str = "") -> list[tuple[str, str]]:
        """(name, ARN) of the backups."""
        found = self.dynamodb.list_backups(TableName=TABLE)["BackupSummaries"]
        return [(one["BackupName"], one["BackupArn"]) for one in found if status in ("", one["BackupStatus"])]

    def restarted(self) -> None:
        # Looked at first: those that the kill has interrupted are soon whole.
        self.copying += len(self.described("CREATING"))
        self.kept.found(self.look)
        names = {name for name, _ in self.described()}
        self.backups = {name: items for name, items in self.backups.items() if name in names}
        if self.restoring is not None:
            if RESTORED in self.dynamodb.list_tables(ExclusiveStartTableName=TABLE)["TableNames"]:
                self.restores += 1
                self.check_restored(self.restoring)
            self.restoring = None
        for name, arn in self.described("AVAILABLE")[KEPT:]:
            self.dynamodb.delete_backup(BackupArn=arn)
            del self.backups[name]

    def look(self, key: str) -> dict | None:
        return self.dynamodb.get_item(TableName=TABLE, Key={"p": {"S": key}}, ConsistentRead=True).get("Item")

    def check_restored(self, wanted: dict) -> None:
        """Compare the restored table, and delete it."""
        wait_active(self.dynamodb, RESTORED)
        found = {item["p"]["S"]: item for item in pages(self.dynamodb.scan, TableName=RESTORED, ConsistentRead=True)}
        others = [key for key in wanted.keys() | found.keys() if found.get(key) != wanted.get(key)]
        assert not others, f"restored, {len(others)} items are not what they were, such as {others[:3]}"
        self.dynamodb.delete_table(TableName=RESTORED)
        self.dynamodb.get_waiter("table_not_exists").wait(TableName=RESTORED, WaiterConfig={"Delay": 0.05})

    def check(self) -> None:
        self.restarted()
        wait_for(lambda: len(self.described("AVAILABLE")) == len(self.described()), "a backup stays CREATING")
        arns = dict(self.described())
        assert arns.keys() == self.backups.keys()
        for name in self.some(self.backups):
            self.dynamodb.restore_table_from_backup(TargetTableName=RESTORED, BackupArn=arns[name])
            self.check_restored(self.backups[name])
        for second in self.some({at: one for at, one in self.moments_kept.items() if at >= self.began_s}):
            self.dynamodb.restore_table_to_point_in_time(
                SourceTableName=TABLE, TargetTableName=RESTORED, RestoreDateTime=datetime.fromtimestamp(second, UTC)
            )
            self.check_restored(self.moments_kept[second])
        found = {item["p"]["S"]: item for item in pages(self.dynamodb.scan, TableName=TABLE, ConsistentRead=True)}
        assert found == self.kept.items, "the table's items are others"

    def some(self, all_of_them: dict) -> list:
        return self.moments.sample(sorted(all_of_them), min(CHECKED, len(all_of_them)))

    def said(self) -> str:
        return (
            f"{self.backed_up} backups ({self.copying} found half made), {self.restores} restores over a kill, "
            f"{len(self.moments_kept)} moments"
        )
