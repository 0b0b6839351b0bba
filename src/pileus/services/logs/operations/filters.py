"""Filter patterns put to use: trials, and subscriptions."""

from pileus.kernel import principal
from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.kernel.page import token_out
from pileus.services.logs import errors, names, patterns
from pileus.services.logs.operations.groups import DEFAULT_PAGE, token_or_error
from pileus.services.logs.state import groups as state
from pileus.services.logs.state.records import Subscription, require_group


def pattern_of(text: str) -> patterns.Pattern:
    """Raises InvalidParameterException."""
    try:
        return patterns.compiled(text)
    except patterns.InvalidPattern as error:
        raise errors.InvalidParameterException(str(error)) from error


async def test_metric_filter(call: Call, request: dict) -> dict:
    """Which of the messages match, and what their fields are. Source: API reference, TestMetricFilter"""
    pattern = pattern_of(request["filterPattern"])
    return {
        "matches": [
            {"eventNumber": number, "eventMessage": message, "extractedValues": pattern.extract(message)}
            for number, message in enumerate(request["logEventMessages"], 1)
            if pattern.matches(message)
        ]
    }


async def put_subscription_filter(call: Call, request: dict) -> dict:
    """Have a function invoked with the group's events that match, from now on.

    errors   ResourceNotFoundException, LimitExceededException, InvalidParameterException: also where CloudWatch Logs
             may not invoke the function
    source   API reference, PutSubscriptionFilter; user guide, "Subscription filters with AWS Lambda"
    """
    for name in ("applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFields"):
        if request.get(name):
            raise NotImplementedByUs(f"logs:PutSubscriptionFilter with {name}")
    group_name, text = request["logGroupName"], request["filterPattern"]
    pattern_of(text)
    await call.read(require_group, names.group_key(call, group_name))
    await _check_destination(call, group_name, request)
    subscription = Subscription(
        request["filterName"],
        text,
        request["destinationArn"],
        call.now_ms,
        request.get("distribution", "ByLogStream"),
    )
    await call.write(state.put_subscription, names.group_key(call, group_name), subscription)
    return {}


async def _check_destination(call: Call, group_name: str, request: dict) -> None:
    text = request["destinationArn"]
    arn = parse_arn(text)
    if arn is None:
        raise errors.InvalidParameterException(f"Invalid destination ARN: {text}")
    if arn.service != "lambda":
        raise NotImplementedByUs(f"logs:PutSubscriptionFilter with a destination of {arn.service}")
    if request.get("roleArn"):
        raise errors.InvalidParameterException("destinationArn for vendor lambda cannot be used with roleArn")
    if arn.account != call.account or arn.region != call.region:
        raise errors.InvalidParameterException("The destination must be in the account and region of the log group.")
    function_name = arn.resource.split(":")[1] if ":" in arn.resource else ""
    if group_name == f"/aws/lambda/{function_name}":
        raise errors.InvalidParameterException(
            "The log group provided is reserved for the function logs of the destination function."
        )
    source_arn = f"{names.group_arn(call, group_name)}:*"
    try:
        await call.invoke(
            "lambda",
            "Invoke",
            {"FunctionName": text, "InvocationType": "DryRun"},
            principal=principal.service("logs.amazonaws.com", source_account=call.account, source_arn=source_arn),
            source_arn=source_arn,
        )
    except NotImplementedByUs:
        raise
    except AwsError as error:
        raise errors.InvalidParameterException(
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
            "your function."
        ) from error


async def describe_subscription_filters(call: Call, request: dict) -> dict:
    """A group's subscription filters by name. Source: API reference, DescribeSubscriptionFilters"""
    group = await call.read(require_group, names.group_key(call, request["logGroupName"]))
    prefix, limit = request.get("filterNamePrefix", ""), request.get("limit", DEFAULT_PAGE)
    after = token_or_error("DescribeSubscriptionFilters", request, "")
    found = [each for each in group.subscriptions if each.name.startswith(prefix) and each.name > after]
    result: dict = {
        "subscriptionFilters": [
            {
                "filterName": each.name,
                "logGroupName": group.name,
                "filterPattern": each.pattern,
                "destinationArn": each.destination_arn,
                "distribution": each.distribution,
                "applyOnTransformedLogs": False,
                "creationTime": each.created_ms,
            }
            for each in found[:limit]
        ]
    }
    if len(found) > limit:
        result["nextToken"] = token_out("DescribeSubscriptionFilters", found[limit - 1].name)
    return result


async def delete_subscription_filter(call: Call, request: dict) -> dict:
    """Source: API reference, DeleteSubscriptionFilter"""
    key = names.group_key(call, request["logGroupName"])
    await call.write(state.delete_subscription, key, request["filterName"])
    return {}
