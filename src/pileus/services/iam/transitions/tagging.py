"""Tags of users, roles, policies and instance profiles. Their keys ignore case, unlike those of other services.

Source: IAM user guide, "Tags for AWS Identity and Access Management resources", rules for tagging.
"""

from msgspec.structs import replace

from pileus.kernel.tags import MAX_TAGS, tag_problem
from pileus.services.iam.errors import InvalidInput, LimitExceeded
from pileus.store.table import Table
from pileus.store.transaction import Transaction


def check_no_duplicates(tags: list[dict]) -> None:
    keys = [tag["Key"].lower() for tag in tags]
    if len(keys) != len(set(keys)):
        raise InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")


def merged(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Old tags under the new ones. A key that is there in another case keeps its place and is spelled anew."""
    problem = tag_problem(new)
    if problem is not None:
        raise InvalidInput(problem)
    folded = {key.lower() for key in new}
    result = {key: value for key, value in old.items() if key.lower() not in folded} | new
    if len(result) > MAX_TAGS:
        raise LimitExceeded("The number of tags has reached the maximum limit.")
    return result


def tag(tx: Transaction, table: Table, record, tags: dict[str, str]) -> None:
    table.put(tx, replace(record, tags=merged(record.tags, tags)))


def untag(tx: Transaction, table: Table, record, keys: list[str]) -> None:
    folded = {key.lower() for key in keys}
    table.put(tx, replace(record, tags={k: v for k, v in record.tags.items() if k.lower() not in folded}))
