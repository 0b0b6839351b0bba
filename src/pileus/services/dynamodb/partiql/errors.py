"""What PartiQL for DynamoDB answers when it refuses.

Source: recorded answers, as users of AWS report them; those that nobody recorded follow their pattern, and say so.
"""

from pileus.kernel.errors import AwsError, ValidationException

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
EXISTS_READS_ONE_ITEM = "EXISTS() must contain a single item read with additional conditions."
TOKEN_DIFFERS = "NextToken does not match request"


class DuplicateItemException(AwsError):
    text = "Duplicate primary key exists in table"


def not_well_formed(why: str) -> ValidationException:
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
