"""The properties of DynamoDB's CloudFormation types, and how they differ from the API's shapes.

Source: CloudFormation template reference, AWS::DynamoDB::Table, AWS::DynamoDB::GlobalTable.
"""

import json
from typing import Any

from pileus.stacks.property_types import JSON, TAGS, NotHonoured, Property

INSIGHTS = Property({"Enabled": Property(bool, required=True), "Mode": Property(str)})
KEY_SCHEMA = [{"AttributeName": Property(str, required=True), "KeyType": Property(str, required=True)}]
PROJECTION = {"NonKeyAttributes": Property([str]), "ProjectionType": Property(str)}
PROVISIONED = {
    "ReadCapacityUnits": Property(int, required=True),
    "WriteCapacityUnits": Property(int, required=True),
}
ON_DEMAND = {"MaxReadRequestUnits": Property(int), "MaxWriteRequestUnits": Property(int)}
WARM = {"ReadUnitsPerSecond": Property(int), "WriteUnitsPerSecond": Property(int)}
LOCAL_INDEX = {
    "IndexName": Property(str, required=True),
    "KeySchema": Property(KEY_SCHEMA, required=True),
    "Projection": Property(PROJECTION, required=True),
}
GLOBAL_INDEX = {
    **LOCAL_INDEX,
    "ContributorInsightsSpecification": INSIGHTS,
    "OnDemandThroughput": Property(ON_DEMAND),
    "ProvisionedThroughput": Property(PROVISIONED),
    "WarmThroughput": Property(WARM),
}
VECTOR_INDEX = {
    "Dimensions": Property(int, required=True),
    "DistanceFunction": Property(str, required=True),
    "IndexName": Property(str, required=True),
    "Projection": Property(PROJECTION, required=True),
    "SearchSchema": Property(
        [{"AttributeName": Property(str, required=True), "SearchSchemaElementType": Property(str, required=True)}]
    ),
    "VectorAttribute": Property({"AttributeName": Property(str, required=True)}, required=True),
}
POLICY = {"PolicyDocument": Property(JSON, required=True)}
ATTRIBUTES = [{"AttributeName": Property(str, required=True), "AttributeType": Property(str, required=True)}]

TABLE_PROPERTIES = {
    "AttributeDefinitions": Property(ATTRIBUTES),
    "BillingMode": Property(str),
    "ContributorInsightsSpecification": INSIGHTS,
    "DeletionProtectionEnabled": Property(bool),
    "GlobalSecondaryIndexes": Property([GLOBAL_INDEX]),
    "ImportSourceSpecification": Property(
        {
            "InputCompressionType": Property(str),
            "InputFormat": Property(str, required=True),
            "InputFormatOptions": Property(
                {"Csv": Property({"Delimiter": Property(str), "HeaderList": Property([str])})}
            ),
            "S3BucketSource": Property(
                {
                    "S3Bucket": Property(str, required=True),
                    "S3BucketOwner": Property(str),
                    "S3KeyPrefix": Property(str),
                },
                required=True,
            ),
        },
        replacement=True,
        write_only=True,
    ),
    "KeySchema": Property(KEY_SCHEMA, replacement=True),
    "KinesisStreamSpecification": Property(
        {"ApproximateCreationDateTimePrecision": Property(str), "StreamArn": Property(str, required=True)}
    ),
    "LocalSecondaryIndexes": Property([LOCAL_INDEX], replacement=True),
    "OnDemandThroughput": Property(ON_DEMAND),
    "PointInTimeRecoverySpecification": Property(
        {"PointInTimeRecoveryEnabled": Property(bool), "RecoveryPeriodInDays": Property(int)}
    ),
    "ProvisionedThroughput": Property(PROVISIONED),
    "ResourcePolicy": Property(POLICY),
    "SSESpecification": Property(
        {"KMSMasterKeyId": Property(str), "SSEEnabled": Property(bool, required=True), "SSEType": Property(str)}
    ),
    "StreamSpecification": Property(
        {"ResourcePolicy": Property(POLICY), "StreamViewType": Property(str, required=True), "Tags": Property(TAGS)}
    ),
    "TableClass": Property(str),
    "TableName": Property(str, replacement=True),
    "Tags": Property(TAGS),
    "TimeToLiveSpecification": Property({"AttributeName": Property(str), "Enabled": Property(bool, required=True)}),
    "VectorIndexes": Property([VECTOR_INDEX]),
    "WarmThroughput": Property(WARM),
}

SCALING = {
    "MaxCapacity": Property(int, required=True),
    "MinCapacity": Property(int, required=True),
    "SeedCapacity": Property(int),
    "TargetTrackingScalingPolicyConfiguration": Property(
        {
            "DisableScaleIn": Property(bool),
            "ScaleInCooldown": Property(int),
            "ScaleOutCooldown": Property(int),
            "TargetValue": Property(float, required=True),
        },
        required=True,
    ),
}
READ_PROVISIONED = {
    "ReadCapacityAutoScalingSettings": Property(SCALING),
    "ReadCapacityUnits": Property(int),
}
WRITE_PROVISIONED = {"WriteCapacityAutoScalingSettings": Property(SCALING)}
READ_ON_DEMAND = {"MaxReadRequestUnits": Property(int)}
WRITE_ON_DEMAND = {"MaxWriteRequestUnits": Property(int)}
KINESIS = {"ApproximateCreationDateTimePrecision": Property(str), "StreamArn": Property(str, required=True)}
RECOVERY = {"PointInTimeRecoveryEnabled": Property(bool), "RecoveryPeriodInDays": Property(int)}
REPLICA = {
    "ContributorInsightsSpecification": INSIGHTS,
    "DeletionProtectionEnabled": Property(bool),
    "DisassociationProtectionEnabled": Property(bool),
    "GlobalSecondaryIndexes": Property(
        [
            {
                "ContributorInsightsSpecification": INSIGHTS,
                "IndexName": Property(str, required=True),
                "ReadOnDemandThroughputSettings": Property(READ_ON_DEMAND),
                "ReadProvisionedThroughputSettings": Property(READ_PROVISIONED),
            }
        ]
    ),
    "GlobalTableSettingsReplicationMode": Property(str),
    "KinesisStreamSpecification": Property(KINESIS),
    "PointInTimeRecoverySpecification": Property(RECOVERY),
    "ReadOnDemandThroughputSettings": Property(READ_ON_DEMAND),
    "ReadProvisionedThroughputSettings": Property(READ_PROVISIONED),
    "Region": Property(str, required=True),
    "ReplicaStreamSpecification": Property({"ResourcePolicy": Property(POLICY), "Tags": Property(TAGS)}),
    "ResourcePolicy": Property(POLICY),
    "SSESpecification": Property({"KMSMasterKeyId": Property(str, required=True)}),
    "TableClass": Property(str),
    "Tags": Property(TAGS),
}
GLOBAL_READ_PROVISIONED = {"ReadCapacityUnits": Property(int)}
GLOBAL_TABLE_PROPERTIES = {
    "AttributeDefinitions": Property(ATTRIBUTES),
    "BillingMode": Property(str),
    "GlobalSecondaryIndexes": Property(
        [
            {
                **LOCAL_INDEX,
                "ReadOnDemandThroughputSettings": Property(READ_ON_DEMAND),
                "ReadProvisionedThroughputSettings": Property(GLOBAL_READ_PROVISIONED),
                "WarmThroughput": Property(WARM),
                "WriteOnDemandThroughputSettings": Property(WRITE_ON_DEMAND),
                "WriteProvisionedThroughputSettings": Property(WRITE_PROVISIONED),
            }
        ]
    ),
    "GlobalTableSourceArn": Property(str, replacement=True, write_only=True),
    "GlobalTableWitnesses": Property([{"Region": Property(str, required=True)}]),
    "KeySchema": Property(KEY_SCHEMA, replacement=True),
    "LocalSecondaryIndexes": Property([LOCAL_INDEX], replacement=True),
    "MultiRegionConsistency": Property(str, replacement=True),
    "ReadOnDemandThroughputSettings": Property(READ_ON_DEMAND),
    "ReadProvisionedThroughputSettings": Property(GLOBAL_READ_PROVISIONED),
    "Replicas": Property([REPLICA], required=True),
    "SSESpecification": Property({"SSEEnabled": Property(bool, required=True), "SSEType": Property(str)}),
    "StreamSpecification": Property({"StreamViewType": Property(str, required=True)}),
    "TableName": Property(str, replacement=True),
    "TableType": NotHonoured(),
    "TimeToLiveSpecification": Property({"AttributeName": Property(str), "Enabled": Property(bool, required=True)}),
    "VectorIndexes": Property([VECTOR_INDEX]),
    "WarmThroughput": Property(WARM),
    "WriteOnDemandThroughputSettings": Property(WRITE_ON_DEMAND),
    "WriteProvisionedThroughputSettings": Property(WRITE_PROVISIONED),
}

_SHOWN = {
    "ProvisionedThroughput": tuple(PROVISIONED),
    "GlobalSecondaryIndexes": ("IndexName", "KeySchema", "Projection", "OnDemandThroughput", "ProvisionedThroughput"),
    "LocalSecondaryIndexes": tuple(LOCAL_INDEX),
    "VectorIndexes": tuple(VECTOR_INDEX),
}


def schema_of(described: dict, kind: str, is_provisioned: bool = True) -> dict[str, Any]:
    """The part of a description that the property `kind` has."""
    shown = {name: described[name] for name in _SHOWN[kind] if name in described}
    if kind == "GlobalSecondaryIndexes":
        throughput = shown.pop("ProvisionedThroughput", None)
        if is_provisioned and throughput is not None:
            shown["ProvisionedThroughput"] = schema_of(throughput, "ProvisionedThroughput")
    return shown


def pruned(value: Any) -> Any:
    """Without ContributorInsightsSpecification, which has an operation of its own."""
    if isinstance(value, dict):
        return {key: pruned(inner) for key, inner in value.items() if key != "ContributorInsightsSpecification"}
    if isinstance(value, list):
        return [pruned(inner) for inner in value]
    return value


def policy_text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)
