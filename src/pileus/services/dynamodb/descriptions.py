"""Records as the API describes them: TableDescription and its parts."""

from datetime import UTC, datetime

from pileus.services.dynamodb.schemas import key_schema_out, projection_out, table_key_schema, warm_now
from pileus.services.dynamodb.state import indexes, replicas
from pileus.services.dynamodb.state.backups import Backup
from pileus.services.dynamodb.state.records import (
    STRONG,
    Encryption,
    IndexOverride,
    OnDemandLimits,
    SecondaryIndex,
    StreamSettings,
    TableRecord,
    Throughput,
    VectorIndex,
    WarmThroughput,
)
from pileus.services.dynamodb.state.recovery import window
from pileus.services.dynamodb.vector_schemas import kept_out
from pileus.store.transaction import Transaction

SETTINGS_REPLICATION = "ENABLED_WITH_OVERRIDES"
"""Of all global tables whose replicas are one account's."""
NOT_AUTHORIZED = "REPLICATION_NOT_AUTHORIZED"


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def ms_of(at: datetime | None) -> int | None:
    """The other way: a time that a request may name."""
    return None if at is None else round(at.timestamp() * 1000)


def table_out(tx: Transaction, table: TableRecord) -> dict:
    """TableDescription."""
    out = summary_out(tx, table)
    out["AttributeDefinitions"] = [
        {"AttributeName": name, "AttributeType": kind} for name, kind in sorted(table.attribute_types.items())
    ]
    out["KeySchema"] = table_key_schema(table)
    out["CreationDateTime"] = moment(table.created_at_ms)
    if table.local_indexes:
        out["LocalSecondaryIndexes"] = [_index_out(tx, table, index) for index in table.local_indexes]
    if table.global_indexes:
        out["GlobalSecondaryIndexes"] = [global_index_out(tx, table, index) for index in table.global_indexes]
    if table.vector_indexes:
        out["VectorIndexes"] = [_vector_index_out(tx, table, index) for index in table.vector_indexes]
    if table.stream is not None:
        out["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream.view_type}
    latest = table.stream or table.last_stream
    if latest is not None:
        out["LatestStreamLabel"] = latest.label
        out["LatestStreamArn"] = stream_arn(table, latest)
    is_warming = table.settling == "WarmThroughput"
    status = "UPDATING" if is_warming else table.status
    out["WarmThroughput"] = _warm_out(table, table.warm, table.throughput, status)
    if table.restored_from is not None:
        out["RestoreSummary"] = table.restored_from | {
            "RestoreDateTime": moment(table.restored_from["RestoreDateTime"]),
        }
    if table.replicas:
        out["GlobalTableVersion"] = "2019.11.21"
        if table.is_strong:
            out["MultiRegionConsistency"] = STRONG
        else:
            out["DisassociationProtectionEnabled"] = table.is_bound
        if table.witness:
            out["GlobalTableWitnesses"] = [{"RegionName": table.witness, "WitnessStatus": table.witness_status}]
        out["Replicas"] = [replica_out(other) for other in replicas.others(tx, table)]
    if table.replicas or table.settings_mode:
        out["GlobalTableSettingsReplicationMode"] = _settings_mode(table)
    return out


def _settings_mode(table: TableRecord) -> str:
    return SETTINGS_REPLICATION if table.replicas and not table.members else table.settings_mode


def _status(table: TableRecord) -> str:
    return NOT_AUTHORIZED if table.cut_off_at_ms and table.status == "ACTIVE" else table.status


def replica_out(replica: TableRecord) -> dict:
    """ReplicaDescription: the replicas of other regions, as each is there. AWS gives no ReplicaArn to those of one account, as
    recorded in October 2026."""
    out: dict = {
        "RegionName": replica.region,
        "ReplicaStatus": _status(replica),
        "GlobalTableSettingsReplicationMode": _settings_mode(replica),
    }
    if replica.members:
        out["ReplicaArn"] = replica.arn
    if replica.encryption is not None:
        out["KMSMasterKeyId"] = replica.encryption.kms_key_arn
    own = replica.overrides
    out |= _override_out(IndexOverride(own.read_units, own.on_demand_read_units))
    out["WarmThroughput"] = _warm_out(replica, replica.warm, replica.throughput, replica.status)
    if replica.global_indexes:
        out["GlobalSecondaryIndexes"] = [
            {"IndexName": index.name, **_override_out(own.of_index(index.name))} for index in replica.global_indexes
        ]
    if replica.table_class:
        out["ReplicaTableClassSummary"] = {"TableClass": replica.table_class}
    return out


def _override_out(override: IndexOverride) -> dict:
    out: dict = {}
    if override.read_units is not None:
        out["ProvisionedThroughputOverride"] = {"ReadCapacityUnits": override.read_units}
    if override.on_demand_read_units is not None:
        out["OnDemandThroughputOverride"] = {"MaxReadRequestUnits": override.on_demand_read_units}
    return out


def summary_out(tx: Transaction, table: TableRecord) -> dict:
    """What DeleteTable still says of a table."""
    items, size_bytes = indexes.numbers(tx, table.id)
    out = {
        "TableName": table.name,
        "TableStatus": _status(table),
        "ProvisionedThroughput": _throughput_out(table.throughput),
        "TableSizeBytes": size_bytes,
        "ItemCount": items,
        "TableArn": table.arn,
        "TableId": table.uuid,
        "DeletionProtectionEnabled": table.is_protected,
    }
    if table.billing == "PAY_PER_REQUEST" or table.billing_changed_at_ms:
        out["BillingModeSummary"] = {"BillingMode": table.billing}
        if table.billing_changed_at_ms:
            out["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = moment(table.billing_changed_at_ms)
    if table.on_demand is not None:
        out["OnDemandThroughput"] = _on_demand_out(table.on_demand)
    if table.table_class:
        out["TableClassSummary"] = {"TableClass": table.table_class}
        if table.table_class_changed_at_ms:
            out["TableClassSummary"]["LastUpdateDateTime"] = moment(table.table_class_changed_at_ms)
    if table.encryption is not None:
        out["SSEDescription"] = _encryption_out(table.encryption)
        if table.settling == "SSESpecification":
            out["SSEDescription"]["Status"] = "UPDATING"
    return out


def stream_arn(table: TableRecord, stream: StreamSettings) -> str:
    return f"{table.arn}/stream/{stream.label}"


def index_arn(table: TableRecord, index: SecondaryIndex | VectorIndex) -> str:
    return f"{table.arn}/index/{index.name}"


def global_index_out(tx: Transaction, table: TableRecord, index: SecondaryIndex) -> dict:
    """GlobalSecondaryIndexDescription."""
    out = _index_out(tx, table, index)
    out["IndexStatus"] = index.status
    if index.status == "CREATING" and table.status != "CREATING":
        out["Backfilling"] = index.is_backfilling
    out["ProvisionedThroughput"] = _throughput_out(index.throughput or Throughput(0, 0))
    if index.on_demand is not None:
        out["OnDemandThroughput"] = _on_demand_out(index.on_demand)
    out["WarmThroughput"] = _warm_out(table, index.warm, index.throughput or Throughput(0, 0), index.status)
    return out


def _index_out(tx: Transaction, table: TableRecord, index: SecondaryIndex) -> dict:
    items, size_bytes = indexes.numbers(tx, index.id)
    return {
        "IndexName": index.name,
        "KeySchema": key_schema_out(index.hash_names, index.range_names),
        "Projection": projection_out(index.projection),
        "IndexSizeBytes": size_bytes,
        "ItemCount": items,
        "IndexArn": index_arn(table, index),
    }


def _vector_index_out(tx: Transaction, table: TableRecord, index: VectorIndex) -> dict:
    """VectorIndexDescription."""
    items, size_bytes = indexes.numbers(tx, index.id)
    out = kept_out(index) | {
        "IndexStatus": index.status,
        "IndexSizeBytes": size_bytes,
        "ItemCount": items,
        "IndexArn": index_arn(table, index),
    }
    if index.status == "CREATING" and table.status != "CREATING":
        out["Backfilling"] = index.is_backfilling
    return out


def _throughput_out(throughput: Throughput) -> dict:
    out = {
        "NumberOfDecreasesToday": throughput.decreases_today,
        "ReadCapacityUnits": throughput.read_units,
        "WriteCapacityUnits": throughput.write_units,
    }
    if throughput.increased_at_ms:
        out["LastIncreaseDateTime"] = moment(throughput.increased_at_ms)
    if throughput.decreased_at_ms:
        out["LastDecreaseDateTime"] = moment(throughput.decreased_at_ms)
    return out


def _encryption_out(encryption: Encryption) -> dict:
    return {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": encryption.kms_key_arn}


def _on_demand_out(limits: OnDemandLimits) -> dict:
    out = {"MaxReadRequestUnits": limits.read_units, "MaxWriteRequestUnits": limits.write_units}
    return {name: limit for name, limit in out.items() if limit is not None}


def _warm_out(table: TableRecord, warm: WarmThroughput | None, throughput: Throughput, status: str) -> dict:
    now = warm_now(table.billing, warm, throughput)
    return {"ReadUnitsPerSecond": now.read_units, "WriteUnitsPerSecond": now.write_units, "Status": status}


def backup_out(backup: Backup) -> dict:
    """BackupDescription."""
    table = backup.table
    source = {
        "TableName": table.name,
        "TableId": table.uuid,
        "TableArn": table.arn,
        "TableSizeBytes": backup.size_bytes,
        "ItemCount": backup.items,
        "KeySchema": table_key_schema(table),
        "TableCreationDateTime": moment(table.created_at_ms),
        "ProvisionedThroughput": _units_out(table.throughput),
        "BillingMode": table.billing,
    }
    if table.on_demand is not None:
        source["OnDemandThroughput"] = _on_demand_out(table.on_demand)
    features = {} if backup.type == "SYSTEM" else _features_out(table)
    details = backup_summary_out(backup)
    for name in ("TableName", "TableId", "TableArn"):
        del details[name]
    return {"BackupDetails": details, "SourceTableDetails": source, "SourceTableFeatureDetails": features}


def _features_out(table: TableRecord) -> dict:
    """SourceTableFeatureDetails."""
    features: dict = {}
    if table.local_indexes:
        features["LocalSecondaryIndexes"] = [_index_kept_out(index) for index in table.local_indexes]
    if table.global_indexes:
        features["GlobalSecondaryIndexes"] = [
            _index_kept_out(index) | {"ProvisionedThroughput": _units_out(index.throughput or Throughput(0, 0))}
            for index in table.global_indexes
        ]
    if table.vector_indexes:
        features["VectorIndexes"] = [kept_out(index) for index in table.vector_indexes if index.takes_entries]
    if table.stream is not None:
        features["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": table.stream.view_type}
    if table.expires_by:
        features["TimeToLiveDescription"] = {"TimeToLiveStatus": "ENABLED", "AttributeName": table.expires_by}
    if table.encryption is not None:
        features["SSEDescription"] = _encryption_out(table.encryption)
    return features


def backup_summary_out(backup: Backup) -> dict:
    """BackupSummary."""
    out = {
        "TableName": backup.table_name,
        "TableId": backup.table.uuid,
        "TableArn": backup.table.arn,
        "BackupArn": backup.arn,
        "BackupName": backup.name,
        "BackupCreationDateTime": moment(backup.created_at_ms),
        "BackupStatus": backup.status,
        "BackupType": backup.type,
        "BackupSizeBytes": backup.size_bytes,
    }
    if backup.expires_at_ms:
        out["BackupExpiryDateTime"] = moment(backup.expires_at_ms)
    return out


def recovery_out(table: TableRecord, now_ms: int) -> dict:
    """ContinuousBackupsDescription."""
    described: dict = {"PointInTimeRecoveryStatus": "DISABLED"}
    if table.recovery is not None:
        earliest_ms, latest_ms = window(table.recovery, now_ms)
        described = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": table.recovery.period_days,
            "EarliestRestorableDateTime": moment(earliest_ms),
            "LatestRestorableDateTime": moment(latest_ms),
        }
    return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": described}


def _index_kept_out(index: SecondaryIndex) -> dict:
    return {
        "IndexName": index.name,
        "KeySchema": key_schema_out(index.hash_names, index.range_names),
        "Projection": projection_out(index.projection),
    }


def _units_out(throughput: Throughput) -> dict:
    return {"ReadCapacityUnits": throughput.read_units, "WriteCapacityUnits": throughput.write_units}
