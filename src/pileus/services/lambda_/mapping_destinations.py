"""Where an event source mapping reports what it gave up: refused now where nothing could be sent there later."""

from typing import Any

from pileus.kernel.arn import Arn, parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import AccessDenied, AwsError
from pileus.kernel.principal import root
from pileus.services.lambda_ import errors
from pileus.services.lambda_.destinations import require_destination_permission


async def require_reachable(call: Call, arn: str, role: str, function: str) -> None:
    """The destination is there, and the execution role may send to it.

    errors   InvalidParameterValueException
    source   developer guide, "Retain discarded batch records", for the permissions; the words of the first refusal from
             an answer quoted in serverless/serverless 7507, of PutFunctionEventInvokeConfig
    """
    target = parse_arn(arn)
    assert target is not None
    service, operation, request = _probe(target)
    # Lambda looks on its own account, as the role need not be able to: it is only to send.
    asker = root(target.account or call.account)
    asked = call.cloud.call(
        service, operation, principal=asker, account=asker.account, region=target.region or call.region
    )
    try:
        await call.cloud.invoke(asked, request)
    except AccessDenied:
        pass  # a bucket of another account, which is there
    except AwsError as error:
        if error.is_fault:
            raise
        raise errors.InvalidParameterValueException(f"The destination ARN {arn} is invalid.") from error
    await require_destination_permission(call, arn, role, function)


def _probe(target: Arn) -> tuple[str, str, dict[str, Any]]:
    """(service, operation, request) that fails where there is no such destination."""
    if target.service == "sqs":
        return "sqs", "GetQueueUrl", {"QueueName": target.resource}
    if target.service == "sns":
        return "sns", "GetTopicAttributes", {"TopicArn": str(target)}
    return "s3", "HeadBucket", {"Bucket": target.resource}
