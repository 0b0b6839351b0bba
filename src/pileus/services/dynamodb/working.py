"""The handlers that do jobs (state/jobs.py), as the one who asked for each: exports and imports reach S3 so.

Source: DynamoDB developer guide, "Requesting a table export in DynamoDB", "Requesting a table import in DynamoDB": the
caller needs the permissions in S3 (and, for imports, in CloudWatch Logs).
"""

from collections.abc import Awaitable, Callable
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.services.dynamodb.state.jobs import J, Jobs
from pileus.store.events import Event

ATTEMPTS_MAX = 20
"""Of an event's delivery, hours apart in the end: what fails so often is our mistake, and ends the job."""
AT_ONCE = 4


class Failed(Exception):
    """The job ends here: what its description says of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def handler(jobs: Jobs[J], operation: str, work: Callable[[Call, J], Awaitable[int]]) -> Callable:
    """The event's handler of a kind of job.

    operation  as which it calls other services
    work       does what is left of a job and returns the time of its end, or raises Failed
    """

    async def handle(cloud: Any, event: Event) -> None:
        key = tuple(event.payload[jobs.kind])
        job = cloud.store.look(jobs.under_way, key)[0]
        if job is None:
            return
        call = cloud.call("dynamodb", operation, principal=job.principal, account=job.account, region=job.region)
        try:
            if event.attempts >= ATTEMPTS_MAX:
                raise Failed("InternalServerError", "Internal server error")
            ended_at_ms = await work(call, job)
        except Failed as failed:
            await call.write(jobs.end, key, call.clock.now_ms(), failed.code, failed.message)
        else:
            await call.write(jobs.end, key, ended_at_ms)

    handle.running_limit = AT_ONCE  # type: ignore[attr-defined]
    return handle


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
