"""How S3 says that a request breaks its model. Source: S3 API reference, "List of error codes"."""

from collections.abc import Sequence
from typing import Any

from pileus.kernel.errors import AwsError
from pileus.services.s3 import errors


def violation(operation: Any, found: Sequence[Any]) -> AwsError:
    """What is wrong in a body is a malformed body; parameters and headers are arguments."""
    first = found[0]
    if first.path.endswith("locationConstraint"):
        return errors.InvalidLocationConstraint(LocationConstraint=first.value)
    if first.member == "StorageClass":
        return errors.InvalidStorageClass(StorageClassRequested=first.value)
    member = operation.shapes(operation.api.protocols[0])[operation.input.shape].members[first.member]
    if member.location is None:
        return errors.MalformedXML()
    name = member.locationName or first.member
    if first.constraint == "required":
        return errors.InvalidRequest(f"Missing required header for this request: {name}")
    return errors.InvalidArgument(ArgumentName=name, ArgumentValue=first.value)
