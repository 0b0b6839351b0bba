"""What this package refuses by itself, with AWS's codes."""

from pileus.kernel.errors import AwsError


class SerializationException(AwsError):
    """The body is not what the protocol or the model says. Source: common errors of the AWS JSON protocols."""


class MalformedXML(AwsError):
    """Source: Amazon S3 API reference, "List of error codes"."""

    text = "The XML you provided was not well-formed or did not validate against our published schema"


class MalformedInput(AwsError):
    """A query parameter's text is not of its type, or a structure stands where a value belongs."""


class UnknownOperation(AwsError):
    """`UnknownOperationException` for JSON and CBOR; the query protocol says `InvalidAction`, S3 `MethodNotAllowed`.

    operation  the name that was asked for; "" where the request named none
    """

    code = "UnknownOperationException"

    def __init__(self, message: str | None = None, operation: str = "") -> None:
        super().__init__(message)
        self.operation = operation


class InvalidAction(AwsError):
    """Source: IAM API reference, "Common errors"."""


class MissingAction(AwsError):
    text = "The request is missing an action or a required parameter."


class RequestEntityTooLarge(AwsError):
    status = 413
    text = "The request body is larger than any operation takes."


class UnknownService(AwsError):
    """No service of AWS's is known by what the request names."""

    code = "UnknownService"
    status = 404


def mismatch(value: object, wanted: str) -> SerializationException:
    """A JSON value of the wrong kind, in the words of AWS's JSON protocols."""
    if isinstance(value, dict):
        return SerializationException("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return SerializationException("Start of list found where not expected.")
    if wanted == "structure":
        return SerializationException("Unexpected value type in payload")
    if wanted in ("list", "map"):
        return SerializationException(f"Expected {wanted} or null")
    if isinstance(value, bool):
        kind = "TRUE_VALUE" if value else "FALSE_VALUE"
    else:
        kind = "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
    article = "an" if wanted[0] in "AEIOU" else "a"
    return SerializationException(f"{kind} can not be converted to {article} {wanted}")
