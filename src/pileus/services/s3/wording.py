"""How S3 says that a request breaks its model. Source: S3 API reference, "List of error codes"."""

from collections.abc import Sequence

from pileus.kernel.errors import AwsError
from pileus.protocol.validate import Violation
from pileus.services.s3 import errors

_UNKNOWN = {
    "EncodingType": ("encoding-type", "Invalid Encoding Method specified in Request"),
    "MetadataDirective": ("x-amz-metadata-directive", "Unknown metadata directive."),
    "TaggingDirective": ("x-amz-tagging-directive", "Unknown tagging directive."),
    "ObjectLockMode": ("x-amz-object-lock-mode", "Unknown wormMode directive."),
    "ObjectLockLegalHoldStatus": ("x-amz-object-lock-legal-hold", "Legal Hold must be either of 'ON' or 'OFF'"),
    "CopySource": (
        "x-amz-copy-source",
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
    ),
}
"""Arguments that are not what they may be: the parameter or header as it is sent, and S3's words for it."""


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
    if first.member in _UNKNOWN:
        name, message = _UNKNOWN[first.member]
        return errors.InvalidArgument(message, ArgumentName=name, ArgumentValue=first.value)
    return errors.InvalidArgument(ArgumentName=first.member, ArgumentValue=first.value)
