"""What PartiQL for DynamoDB answers when it refuses."""

from pileus.kernel.errors import AwsError, ValidationException

# AWS's words, as its users report them.

INCOMPLETE_KEY = "Where clause does not contain a mandatory equality on all key attributes"
PARAMETERS_DIFFER = "Number of parameters in request and statement don't match."
NO_SUCH_INDEX = "The table does not have the specified index"
NOT_ON_AN_INDEX = "This operation is not supported on an index"
GLOBAL_INDEX_IS_EVENTUAL = "Strongly consistent read is not supported on Global Secondary Indexes"
OTHERS_BESIDE_STAR = "Other attributes should not be present in the projection when '*' is used."
NO_ALIASES = "Aliasing is not supported"
ORDER_WITHOUT_WHERE = "Must have WHERE clause in the statement when using ORDER BY clause."
ORDER_WITHOUT_HASH = (
    "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."
)
BATCH_READS_ONE_ITEM = (
    "Select statements within BatchExecuteStatement must specify the primary key in the where clause."
)
TRANSACTION_READS_ONE_ITEM = (
    "Select statements within ExecuteTransaction must specify the primary key in the where clause."
)
NO_INDEX_IN_TRANSACTIONS = "Reads on indices are not supported within transactions."
EXISTS_READS_ONE_ITEM = "EXISTS() must contain a single item read with additional condition"
TOKEN_DIFFERS = "NextToken does not match request"
TOO_LONG_A_SOURCE = "A path may contain at most 2 components in the FROM clause"
UNEXPECTED_STEP = "Unexpected path component"
EMPTY_COMPONENT = "Path component cannot be an empty string"
EMPTY_SET = "Empty bags are not supported"
NO_RETURNING_IN_TRANSACTIONS = "RETURNING clause is not supported in ExecuteTransaction."


def not_for_delete(returning: object) -> ValidationException:
    return ValidationException(
        f"Invalid returning clause: RETURNING {returning}. Only RETURNING ALL OLD * is allowed in DELETE statements."
    )


def no_set_to_add(function: str, place: str = "") -> ValidationException:
    """Of set_add and set_delete. place: of the first argument; "" where a parameter is none, which has no place."""
    return ValidationException(
        f"The second argument to {function.upper()} must be a value with type SET{place and f' at {place}'}"
    )


def wrong_operand(operator: str, kind: str) -> ValidationException:
    return ValidationException(
        f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"
    )


# Our own words, where nobody has reported AWS's: the code is AWS's, the text may differ.

NOT_A_MAP = "The VALUE of an INSERT must be a map of attribute names to values"
NOT_ONE_TYPE = "The members of a set must be all strings, all numbers or all binaries"
NOT_A_VALUE = "Only literals and parameters can be members of a list, map or set"
MISSING_HAS_NO_ORDER = "Only equality and inequality operators can be used with MISSING"
EXISTS_IS_FOR_TRANSACTIONS = "EXISTS is supported in ExecuteTransaction only"
INVALID_TOKEN = "Invalid NextToken"


def too_many_partitions(count: int, most: int) -> ValidationException:
    return ValidationException(f"The WHERE clause names {count} partition key values; it can name up to {most}")


def for_select_only(parameter: str) -> ValidationException:
    return ValidationException(f"{parameter} is supported for SELECT statements only")


def mixed(operation: str) -> ValidationException:
    return ValidationException(f"{operation} must consist of either read statements or write statements")


class DuplicateItemException(AwsError):
    text = "Duplicate primary key exists in table"


def not_well_formed(why: str) -> ValidationException:
    """Of the reasons, AWS's users report "Expected data manipulation", "Unexpected keyword" and "Unexpected token after
    expression"; the others are in their manner.
    """
    return ValidationException(f"Statement wasn't well formed, can't be processed: {why}")


_BATCH_CODES = {
    "AccessDenied": "AccessDenied",
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "DuplicateItemException": "DuplicateItem",
    "ItemCollectionSizeLimitExceededException": "ItemCollectionSizeLimitExceeded",
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "ResourceNotFoundException": "ResourceNotFound",
    "ValidationException": "ValidationError",
}
"""Source: API reference, BatchStatementError."""


def code_of(error: AwsError) -> str | None:
    """The code that a batch gives of a statement's error; None of one that ends the batch."""
    return _BATCH_CODES.get(error.code)
