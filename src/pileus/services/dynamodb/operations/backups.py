"""Backups and point-in-time recovery."""

from functools import partial

from msgspec.structs import replace

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb import changes, schemas, vector_schemas
from pileus.services.dynamodb.addresses import Address, of_labelled, of_name, of_source
from pileus.services.dynamodb.descriptions import (
    backup_out,
    backup_summary_out,
    moment,
    ms_of,
    recovery_out,
    table_out,
)
from pileus.services.dynamodb.errors import (
    BackupNotFoundException,
    InvalidRestoreTimeException,
    PointInTimeRecoveryUnavailableException,
    TableAlreadyExistsException,
    TableInUseException,
    TableNotFoundException,
    invalid,
)
from pileus.services.dynamodb.state import backups, recovery, tables
from pileus.services.dynamodb.state.backups import Backup
from pileus.services.dynamodb.state.encryption import own_key
from pileus.services.dynamodb.state.indexes import with_used_attributes
from pileus.services.dynamodb.state.records import (
    Encryption,
    OnDemandLimits,
    SecondaryIndex,
    TableRecord,
    Throughput,
    VectorIndex,
)
from pileus.store.transaction import Transaction

LISTED_MAX = 100
PERIOD_DAYS_MAX = 35


async def create_backup(call: Call, request: dict) -> dict:
    """Back up a table as it is now, while it lives on; the backup is CREATING, and AVAILABLE when all is copied.

    errors   TableNotFoundException
    source   DynamoDB API reference, CreateBackup
    """
    address = of_name(call, request["TableName"])
    backup = await call.write(backups.create, address, request["BackupName"])
    return {"BackupDetails": backup_out(backup)["BackupDetails"]}


async def delete_backup(call: Call, request: dict) -> dict:
    """Delete a backup.

    errors   BackupInUseException, BackupNotFoundException, ValidationException
    source   DynamoDB API reference, DeleteBackup
    """
    backup = await call.write(backups.delete, *_of_here(call, request["BackupArn"]))
    described = backup_out(backup)
    described["BackupDetails"]["BackupStatus"] = "DELETED"
    return {"BackupDescription": described}


async def describe_backup(call: Call, request: dict) -> dict:
    """A backup, and the table it is of as it was then.

    errors   BackupNotFoundException
    source   DynamoDB API reference, DescribeBackup
    """
    return {"BackupDescription": backup_out(await call.read(backups.find, *_of_here(call, request["BackupArn"])))}


async def describe_continuous_backups(call: Call, request: dict) -> dict:
    """Whether point-in-time recovery is on, and what moments a table can be restored to.

    errors   TableNotFoundException
    source   DynamoDB API reference, DescribeContinuousBackups
    """
    table = await call.read(_require, of_name(call, request["TableName"]))
    return {"ContinuousBackupsDescription": recovery_out(table, call.now_ms)}


async def list_backups(call: Call, request: dict) -> dict:
    """Backups in the order in which they were made.

    request  ListBackupsInput. BackupType: USER where none is named
    source   DynamoDB API reference, ListBackups
    """
    limit = request.get("Limit") or LISTED_MAX
    after = ("", "")
    if request.get("ExclusiveStartBackupArn"):
        address, label = _address(request["ExclusiveStartBackupArn"])
        if address.region != call.region:
            raise _refused("The supplied ExclusiveStartBackupArn does not match the region")
        after = (label, address.name)
    from_ms, until_ms = ms_of(request.get("TimeRangeLowerBound")), ms_of(request.get("TimeRangeUpperBound"))
    if from_ms is not None and until_ms is not None and from_ms > until_ms:
        raise invalid("Time range lower bound must be less than or equal to upper bound")
    wanted = partial(
        _is_wanted,
        name=of_name(call, request["TableName"]).name if request.get("TableName") else "",
        kind=request.get("BackupType") or "USER",
        from_ms=from_ms,
        until_ms=until_ms,
    )
    found = await call.read(_listed, call.account, call.region, after, wanted, limit + 1)
    answer: dict = {"BackupSummaries": [backup_summary_out(backup) for backup in found[:limit]]}
    if len(found) > limit:
        answer["LastEvaluatedBackupArn"] = found[limit - 1].arn
    return answer


async def restore_table_from_backup(call: Call, request: dict) -> dict:
    """Make a new table of a backup; it is CREATING until all its items are there.

    errors   BackupInUseException, BackupNotFoundException, LimitExceededException, TableAlreadyExistsException,
             ValidationException
    source   DynamoDB API reference, RestoreTableFromBackup; developer guide, "Restoring a DynamoDB table from a backup"
    """
    address, label = _address(request["BackupArn"])
    target = of_name(call, request["TargetTableName"])
    restored = await call.write(_restore_backup, call, address, label, target, request)
    return {"TableDescription": await call.read(table_out, restored)}


async def restore_table_to_point_in_time(call: Call, request: dict) -> dict:
    """Make a new table of what another was at a moment of the last 35 days.

    request  RestoreTableToPointInTimeInput. RestoreDateTime: what was written up to it is there
    errors   InvalidRestoreTimeException, LimitExceededException, PointInTimeRecoveryUnavailableException,
             TableAlreadyExistsException, TableNotFoundException, ValidationException
    source   DynamoDB API reference, RestoreTableToPointInTime
    """
    source, target = of_source(call, request), of_name(call, request["TargetTableName"])
    at = request.get("RestoreDateTime")
    if request.get("UseLatestRestorableTime") and at is not None:
        raise _refused(
            "Both RestoreDateTime and UseLatestRestorableTime cannot be set for point-in-time restore request. Please "
            "specify either one of them."
        )
    if not request.get("UseLatestRestorableTime") and at is None:
        raise _refused("Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both")
    at_ms = call.now_ms if at is None else ms_of(at)
    restored = await call.write(_restore_moment, call, source, at_ms, target, request)
    return {"TableDescription": await call.read(table_out, restored)}


async def update_continuous_backups(call: Call, request: dict) -> dict:
    """Turn point-in-time recovery on or off. Off: what could be restored is lost.

    errors   TableNotFoundException, ValidationException
    source   DynamoDB API reference, UpdateContinuousBackups
    """
    asked = request["PointInTimeRecoverySpecification"]
    days = asked.get("RecoveryPeriodInDays")
    if days is not None and not asked["PointInTimeRecoveryEnabled"]:
        raise _refused("Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery.")
    address = of_name(call, request["TableName"])
    table = await call.write(recovery.turn, address, asked["PointInTimeRecoveryEnabled"], days)
    return {"ContinuousBackupsDescription": recovery_out(table, call.now_ms)}


def _refused(reason: str) -> ValidationException:
    return ValidationException(f"Invalid Request: {reason}")


def _address(arn: str) -> tuple[Address, str]:
    """The table and the label of a backup's ARN. Raises ValidationException."""
    named = of_labelled(arn, "backup")
    if named is None:
        raise _refused("BackupArn is not valid") if "/backup/" in arn else ValidationException("Invalid Backup ARN")
    return named


def _of_here(call: Call, arn: str) -> tuple[Address, str]:
    """The same, of this region, whose endpoint knows no others. Raises BackupNotFoundException, ValidationException."""
    address, label = _address(arn)
    if address.region != call.region:
        raise BackupNotFoundException(f"Backup not found: {arn}")
    return address, label


def _require(tx: Transaction, address: Address) -> TableRecord:
    """A table whose backups can be spoken of: not one that is being created. Raises TableNotFoundException."""
    table = tables.find(tx, address)
    if table is None or table.status == "CREATING":
        raise TableNotFoundException(f"Table not found: {address.name}")
    return table


def _listed(tx: Transaction, account: str, region: str, after: tuple[str, str], wanted, count: int) -> list[Backup]:
    found: list[Backup] = []
    for backup in backups.listed(tx, account, region, after):
        if wanted(backup):
            found.append(backup)
            if len(found) == count:
                break
    return found


def _is_wanted(backup: Backup, *, name: str, kind: str, from_ms: int | None, until_ms: int | None) -> bool:
    if (name and backup.table_name != name) or kind not in ("ALL", backup.type):
        return False
    is_late_enough = from_ms is None or backup.created_at_ms >= from_ms
    return is_late_enough and (until_ms is None or backup.created_at_ms < until_ms)


def _restore_backup(
    tx: Transaction, call: Call, address: Address, label: str, target: Address, request: dict
) -> TableRecord:
    backup = backups.find(tx, address, label)
    summary = {"SourceBackupArn": backup.arn, "SourceTableArn": backup.table.arn}
    wanted = _restored(tx, backup.table, target, request, summary, backup.created_at_ms)
    return backups.restore_backup(tx, address, label, wanted)


def _restore_moment(
    tx: Transaction, call: Call, address: Address, at_ms: int, target: Address, request: dict
) -> TableRecord:
    source = _require(tx, address)
    if source.recovery is None:
        raise PointInTimeRecoveryUnavailableException(
            f"Point in time recovery is not enabled for table '{source.name}'"
        )
    earliest_ms, latest_ms = recovery.window(source.recovery, tx.now_ms)
    if not earliest_ms <= at_ms <= latest_ms:
        raise InvalidRestoreTimeException(
            f"RestoreDateTime '{_shown(at_ms)}' must be within EarliestRestorableDateTime '{_shown(earliest_ms)}' and "
            f"LatestRestorableDateTime '{_shown(latest_ms)}'"
        )
    wanted = _restored(tx, source, target, request, {"SourceTableArn": source.arn}, at_ms)
    return backups.restore_moment(tx, source, at_ms, wanted)


def _restored(
    tx: Transaction, source: TableRecord, target: Address, request: dict, summary: dict, at_ms: int
) -> TableRecord:
    """The record of the table to be made, without ids: the source's, but for what the request overrides.

    Tags, policies, streams, TTL, recovery, protection and the table class are not restored. Source: developer guide,
    "Restoring a DynamoDB table from a backup", "Important"; of the class, recorded answers.
    """
    _check_free(tx, target)
    billing = request.get("BillingModeOverride") or source.billing
    throughput, on_demand = _throughput(source, request, billing), _on_demand(source, request, billing)
    indexes = (
        *_kept(source.local_indexes, request.get("LocalSecondaryIndexOverride"), billing),
        *_kept(source.global_indexes, request.get("GlobalSecondaryIndexOverride"), billing),
    )
    schemas.check_together(list(indexes))
    vector_indexes = _kept_vectors(source, request.get("VectorIndexOverride"))
    if vector_indexes and billing != schemas.ON_DEMAND:
        raise _refused(vector_schemas.ON_DEMAND_ONLY)
    made = TableRecord(
        *target,
        id=0,
        uuid="",
        created_at_ms=0,
        status="CREATING",
        hash_name=source.hash_name,
        range_name=source.range_name,
        attribute_types=source.attribute_types,
        billing=billing,
        throughput=throughput,
        on_demand=on_demand,
        indexes=indexes,
        encryption=_encryption(source, target, request.get("SSESpecificationOverride")),
        restored_from={**summary, "RestoreDateTime": at_ms, "RestoreInProgress": True},
        vector_indexes=vector_indexes,
    )
    return with_used_attributes(made)


def _check_free(tx: Transaction, target: Address) -> None:
    """Raise TableAlreadyExistsException, or TableInUseException for a table that another restore is filling."""
    table = tables.find(tx, target)
    if table is None:
        return
    if table.status == "CREATING" and table.restored_from is not None:
        backup = table.restored_from.get("SourceBackupArn")
        of_backup = f" from backup: {backup}" if backup else ""
        raise TableInUseException(f"Table: {target.name} is already being restored{of_backup}")
    raise TableAlreadyExistsException(f"Table already exists: {target.name}")


def _throughput(source: TableRecord, request: dict, billing: str) -> Throughput:
    asked = {"ProvisionedThroughput": request.get("ProvisionedThroughputOverride")}
    if asked["ProvisionedThroughput"] is not None:
        if request.get("BillingModeOverride") == schemas.ON_DEMAND:
            raise _refused("Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST")
        if billing == schemas.ON_DEMAND:
            raise _refused("Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED")
        return schemas.throughput_of(asked, billing)
    if billing == source.billing:
        return source.throughput
    if billing == schemas.PROVISIONED:
        raise _refused("Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED")
    return Throughput(0, 0)


def _on_demand(source: TableRecord, request: dict, billing: str) -> OnDemandLimits | None:
    given = request.get("OnDemandThroughputOverride")
    if given is None:
        return source.on_demand if billing == schemas.ON_DEMAND else None
    for name in ("MaxReadRequestUnits", "MaxWriteRequestUnits"):
        limit = given.get(name)
        if limit is not None and billing != schemas.ON_DEMAND:
            raise _refused(
                f"Cannot override {name} for OnDemandThroughput unless BillingModeOverride is PAY_PER_REQUEST"
            )
        if limit is not None and (limit == 0 or limit < -1):
            raise _refused(f"Requested {name} for OnDemandThroughput is outside of valid range")
    return schemas.on_demand_of({"OnDemandThroughput": given}, billing)


def _encryption(source: TableRecord, target: Address, override: dict | None) -> Encryption | None:
    if override is not None:
        encryption, encrypts = changes.encryption_of(override)
        return own_key(target) if encrypts else encryption
    if target.region != source.region:
        raise _refused("sseSpecificationOverride must be provided for cross-region restores")
    return source.encryption


def _kept(indexes: tuple[SecondaryIndex, ...], asked: list[dict] | None, billing: str) -> list[SecondaryIndex]:
    """Those of the source's indexes that the restored table has: all, or those that the override describes, whose names
    are its own."""
    live = [index for index in indexes if index.takes_entries]
    if asked is None:
        return [_with_capacity(index, {}, billing) for index in live]
    kept = []
    for wanted in asked:
        projection = schemas.projection_of(wanted["Projection"])
        alike = (
            index
            for index in live
            if wanted["KeySchema"] == schemas.key_schema_out(index.hash_names, index.range_names)
            and projection == index.projection
        )
        index = next(alike, None)
        if index is None:
            raise _refused(
                f"Index {wanted['IndexName']} does not match a secondary index that existed in the source table and "
                "cannot be created during the restore operation"
            )
        kept.append(_with_capacity(replace(index, name=wanted["IndexName"]), wanted, billing))
    return kept


def _kept_vectors(source: TableRecord, asked: list[dict] | None) -> tuple[VectorIndex, ...]:
    """As _kept, of vector indexes."""
    live = [index for index in source.vector_indexes if index.takes_entries]
    if asked is None:
        return tuple(live)
    kept = []
    for wanted in asked:
        index = next((index for index in live if _is_alike(index, wanted)), None)
        if index is None:
            raise _refused(
                f"Index {wanted['IndexName']} does not match a vector index that existed in the source table and "
                "cannot be created during the restore operation"
            )
        kept.append(replace(index, name=wanted["IndexName"]))
    if len({index.name for index in kept}) < len(kept):
        raise _refused("Duplicate index name in VectorIndexOverride")
    return tuple(kept)


def _is_alike(index: VectorIndex, wanted: dict) -> bool:
    projection = schemas.projection_of(wanted["Projection"])
    asked = {**wanted, "IndexName": index.name, "Projection": schemas.projection_out(projection)}
    return asked == vector_schemas.kept_out(index)


def _with_capacity(index: SecondaryIndex, asked: dict, billing: str) -> SecondaryIndex:
    """What the override asks for; else what the source has, where that goes with the billing mode."""
    if index.is_local:
        return index
    has_units = index.throughput is not None and index.throughput.write_units > 0
    is_asked = asked.get("ProvisionedThroughput") is not None
    if billing == schemas.PROVISIONED and not is_asked and not has_units:
        raise _refused(f"Must specify provisioned throughput for index {index.name}")
    if is_asked or has_units != (billing == schemas.PROVISIONED):
        index = replace(index, throughput=schemas.throughput_of(asked, billing, index=index.name))
    limits = schemas.on_demand_of(asked, billing) or index.on_demand
    return replace(index, on_demand=limits if billing == schemas.ON_DEMAND else None)


def _shown(ms: int) -> str:
    return f"{moment(ms):%Y-%m-%dT%H:%M:%SZ}"
