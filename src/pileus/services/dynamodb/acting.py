"""Work that goes on after its request was answered, as the one who made it: exports and imports reach S3 so.

Source: DynamoDB developer guide, "Requesting a table export in DynamoDB", "Requesting a table import in DynamoDB": the
caller needs the permissions in S3 (and, for imports, in CloudWatch Logs).
"""

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError, NotImplementedByUs

ATTEMPTS_MAX = 20
"""Of an event's delivery, hours apart in the end: what fails so often is our mistake, and ends the work."""


class Failed(Exception):
    """The work ends here: what its description says of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


async def s3(call: Call, operation: str, request: dict) -> dict:
    """Ask S3 as the caller. Raises Failed for a refusal; our own faults go through, and are tried again."""
    try:
        return await call.invoke("s3", operation, request)
    except AwsError as error:
        raise refused(error, f"S3{error.code}") from error


def refused(error: AwsError, code: str) -> Exception:
    """What to raise for another service's error."""
    if isinstance(error, NotImplementedByUs):
        return Failed(error.code, error.message)
    return error if error.is_fault else Failed(code, error.message)
