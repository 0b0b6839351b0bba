"""What DynamoDB answers when it refuses.

Source: DynamoDB API reference, "Errors" of each operation; developer guide, "Error handling with DynamoDB"; the texts
are those of recorded answers.
"""

from dataclasses import replace

from pileus.kernel.errors import AwsError, ValidationException
from pileus.protocol.validate import Violation, default_wording

INVALID = "One or more parameter values were invalid: "
"""What most refusals of a value begin with."""


OF_STRONG = "with MultiRegionConsistency set to STRONG"


class ResourceNotFoundException(AwsError):
    text = "Requested resource not found"


class TableNotFound(ResourceNotFoundException):
    """Of the operations on tables, which name it."""

    code = "ResourceNotFoundException"

    def __init__(self, name: str) -> None:
        super().__init__(f"Requested resource not found: Table: {name} not found")


class ResourceInUseException(AwsError):
    pass


class GlobalTableNotFoundException(AwsError):
    pass


class LimitExceededException(AwsError):
    pass


class PolicyNotFoundException(AwsError):
    pass


class NotOneAlone(ValidationException):
    """Replicas of strong consistency go together, by UpdateTable."""

    code = "ValidationException"
    text = f"Deletion of only one table replica is not supported for global tables {OF_STRONG}."


class ConditionalCheckFailedException(AwsError):
    """`Item`: what is there, where the request asked for it."""

    text = "The conditional request failed"


class ItemCollectionSizeLimitExceededException(AwsError):
    text = "Collection size exceeded."


class ProvisionedThroughputExceededException(AwsError):
    text = (
        "The level of configured provisioned throughput for the table was exceeded. "
        "Consider increasing your provisioning level with the UpdateTable API."
    )


class IndexThroughputExceeded(ProvisionedThroughputExceededException):
    """ProvisionedThroughputExceededException of a global index."""

    code = "ProvisionedThroughputExceededException"
    text = (
        "The level of configured provisioned throughput for one or more global secondary indexes of the table was "
        "exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes "
        "with the UpdateTable API"
    )


class IdempotentParameterMismatchException(AwsError):
    text = "Transaction parameters do not match the ones specified in the original request with the same client token"


class TransactionCanceledException(AwsError):
    """reasons: CancellationReason of each action, in order; {"Code": "None"} for those that would have gone through."""

    def __init__(self, reasons: list[dict]) -> None:
        codes = ", ".join(reason["Code"] for reason in reasons)
        super().__init__(
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
            CancellationReasons=reasons,
        )


class EmptyKey(ValidationException):
    """A key's value, of the table or an index, is empty: of a transaction no reason to cancel it but to refuse it."""

    code = "ValidationException"


QUERY_OF_VECTORS, SCAN_OF_VECTORS = (
    "Query operation not supported on this index type.",
    "Scan operation not supported on this index type",
)
"""Of a vector index; only the first has a full stop."""


def invalid(reason: str) -> ValidationException:
    return ValidationException(INVALID + reason)


def violation(found: list[Violation]) -> AwsError | None:
    """What DynamoDB says of a request that breaks its model's constraints. None: the operation checks it itself."""
    # What the operation looks at when the framework before it has nothing to say.
    later = [one for one in found if (one.path, one.constraint) in _LATER.get(one.shape, ())]
    found = _in_order(found)
    of_tags = [
        one for one in found if one.path.startswith("tags.") or (one.path == "tagKeys" and one.constraint != "required")
    ]
    found = [one for one in found if one not in of_tags]
    if of_tags and not found:  # lengths the operation checks itself
        missing = next((one.path for one in of_tags if one.constraint == "required"), None)
        member = "Value" if missing is not None and missing.endswith(".value") else "Key"
        return missing and ValidationException(f"The Tag {member} provided is invalid, {member}: null")
    found, had = [one for one in found if one.path != "tableClass"], found
    if had and not found:
        return ValidationException(
            "Invalid table-class parameter provided. Please try again with a valid table-class value: "
            "[STANDARD, STANDARD_INFREQUENT_ACCESS]."
        )
    if len(later) < len(found):
        return default_wording("json", [_reworded(one) for one in found if one not in later])
    for one in later:
        if one.path == "tableName":
            return ValidationException("The parameter 'TableName' is required but was not present in the request")
        if one.path == "requestItems":
            return ValidationException("The requestItems parameter is required for BatchWriteItem")
    return None


def _in_order(found: list[Violation]) -> list[Violation]:
    """Of a throughput, DynamoDB names the writes first."""
    reads, writes = "readCapacityUnits", "writeCapacityUnits"
    ordered: list[Violation] = []
    for one in found:
        if one.path.endswith(writes) and ordered and ordered[-1].path == one.path.removesuffix(writes) + reads:
            ordered.insert(-1, one)
        else:
            ordered.append(one)
    return ordered


_NO_TABLE = ("tableName", "required")
_LATER = {
    "BatchWriteItemInput": (("requestItems", "min_length"),),
    "CreateTableInput": (_NO_TABLE, ("keySchema", "min_length")),
    "DeleteTableInput": (_NO_TABLE,),
    "DescribeTableInput": (_NO_TABLE,),
    "UpdateTableInput": (_NO_TABLE,),
}
"""Members that the operation itself finds missing or empty."""

_ENUMS = (
    ("B", "N", "S"),
    ("ALL", "INCLUDE", "KEYS_ONLY"),
    ("OR", "AND"),
    ("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"),
    ("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"),
    ("OLD_IMAGE", "KEYS_ONLY", "NEW_AND_OLD_IMAGES", "NEW_IMAGE"),
)
"""Values that DynamoDB lists in another order than the model."""
_ENUM_ORDERS = {frozenset(values): values for values in _ENUMS}


def _reworded(broken: Violation) -> Violation:
    if broken.constraint == "enum":
        values = _ENUM_ORDERS.get(frozenset(broken.limit))
        if values is not None:
            return replace(broken, text=f"Member must satisfy enum value set: [{', '.join(values)}]")
    if broken.path == "requestItems" and broken.constraint == "min_length":
        return _Unshown("RequestItems", broken.constraint, None, broken.text)
    if broken.path == "limit" and broken.shape == "QueryInput":  # not Scan, which names the value
        return _Unshown("Limit", broken.constraint, None, broken.text)
    table = broken.path.removeprefix("requestItems.")
    if table != broken.path and broken.constraint in ("min_length", "max_length"):
        if table.endswith(".member.keys"):
            return _Unshown(f"RequestItems.{table.removesuffix('keys')}Keys", broken.constraint, None, broken.text)
        if isinstance(broken.value, list):
            both = (
                "Map value must satisfy constraint: [Member must have length less than or equal to 25, "
                "Member must have length greater than or equal to 1]"
            )
            return replace(broken, path="requestItems", value={table: broken.value}, text=both)
    return broken


class _Unshown(Violation):
    """Of a request whose place alone is named, as the newer of DynamoDB's validations do."""

    def __str__(self) -> str:
        return f"Value at '{self.path}' failed to satisfy constraint: {self.text}"


class ExpiredIteratorException(AwsError):
    """Source: DynamoDB Streams API reference, GetRecords."""


class TrimmedDataAccessException(AwsError):
    """Source: DynamoDB Streams API reference, GetRecords."""

    text = "The operation attempted to read past the oldest stream record in a shard"


class BackupNotFoundException(AwsError):
    pass


class BackupInUseException(AwsError):
    text = (
        "There is another ongoing conflicting backup control plane operation on the table. The backup is either being "
        "created, deleted or restored to a table."
    )


class TableNotFoundException(AwsError):
    """Of the operations on backups."""


class TableInUseException(AwsError):
    pass


class TableAlreadyExistsException(AwsError):
    pass


class InvalidRestoreTimeException(AwsError):
    pass


class PointInTimeRecoveryUnavailableException(AwsError):
    pass


class ExportNotFoundException(AwsError):
    pass


class ExportConflictException(AwsError):
    text = "Export conflict: Duplicate request detected with conflicting parameters"


class InvalidExportTimeException(AwsError):
    pass


class ImportNotFoundException(AwsError):
    pass


class ImportConflictException(AwsError):
    text = "Import conflict: Duplicate request detected with conflicting parameters"
