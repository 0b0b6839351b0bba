"""How S3 says that a request breaks its model. Source: S3 API reference, "List of error codes"."""

from collections.abc import Sequence

from pileus.kernel.errors import AwsError
from pileus.protocol.validate import Violation
from pileus.services.s3 import errors


def violation(found: Sequence[Violation]) -> AwsError:
    """What is wrong in a body is a malformed body; parameters and headers are arguments."""
    first = found[0]
    if first.path.endswith("locationConstraint"):
        return errors.InvalidLocationConstraint(LocationConstraint=first.value)
    if first.member == "StorageClass":
        return errors.InvalidStorageClass(StorageClassRequested=first.value)
    # Only bodies have structures, and what is required beyond the path is a body or one of its members.
    if "." in first.path or first.constraint == "required":
        return errors.MalformedXML()
    return errors.InvalidArgument(ArgumentName=first.member, ArgumentValue=first.value)
