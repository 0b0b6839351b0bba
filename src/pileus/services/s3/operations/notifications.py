"""Notification configuration, with a look at every destination before it is kept.

Source: S3 API reference, Put/GetBucketNotificationConfiguration; user guide, "Granting permissions to publish event
notification messages to a destination", "Configuring event notifications using object key name filtering".
"""

import orjson

from pileus.kernel import principal as principals
from pileus.kernel.arn import Arn, parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.services.s3 import asked, errors, events
from pileus.services.s3.state import buckets
from pileus.services.s3.state.records import MAX_NOTIFICATIONS, Bucket

_WORDS = {"sqs": "queue", "sns": "topic", "lambda": "Lambda function"}


async def get_bucket_notification_configuration(call: Call, request: dict) -> dict:
    """Nothing at all for a bucket without."""
    bucket = await asked.bucket(call, request)
    plan = await call.read(buckets.configuration, bucket, "notification")
    return {} if plan is None else plan["given"]


async def put_bucket_notification_configuration(call: Call, request: dict) -> dict:
    """Replace the notifications. Queues and topics get a test event, functions are asked whether S3 may invoke them.

    errors   InvalidArgument: overlapping filters, a destination that isn't there or doesn't let S3 in
    """
    bucket = await asked.bucket(call, request)
    given = _with_ids(call, request["NotificationConfiguration"])
    _check_rules(bucket, given)
    await _require_services(call, given)
    if not request.get("SkipDestinationValidation"):
        await _check_destinations(call, bucket, given)
    value = events.plan(given) if given else None
    await call.write(buckets.set_configuration, bucket.name, "notification", value)
    return {}


def _with_ids(call: Call, configuration: dict) -> dict:
    """What is empty is left out; what has no Id gets one."""
    given = {}
    for member in events.SENDERS:
        if configuration.get(member):
            given[member] = [{**one, "Id": one.get("Id") or call.ids.uuid()} for one in configuration[member]]
    if configuration.get("EventBridgeConfiguration") is not None:
        given["EventBridgeConfiguration"] = {}
    return given


def _rules(given: dict) -> list[tuple[str, dict]]:
    """(target service, one configuration) of each."""
    return [(target, one) for member, target in events.SENDERS.items() for one in given.get(member, ())]


def _check_rules(bucket: Bucket, given: dict) -> None:
    rules = _rules(given)
    if len(rules) > MAX_NOTIFICATIONS:
        raise errors.S3Error("Too many configurations", code="TooManyConfigurations")
    names = [one["Id"] for _, one in rules]
    if len(set(names)) != len(names):
        raise errors.InvalidArgument("Same ID used for multiple configurations. IDs must be unique")
    for target, one in rules:
        _check_rule(bucket, target, one)
    for at, (_, one) in enumerate(rules):
        if any(events.overlap(one, other) for _, other in rules[:at]):
            raise errors.InvalidArgument(
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
                "overlapping for the same event type."
            )


def _check_rule(bucket: Bucket, target: str, one: dict) -> None:
    filters = [rule.get("Name", "").lower() for rule in one.get("Filter", {}).get("Key", {}).get("FilterRules", ())]
    if any(name not in ("prefix", "suffix") for name in filters):
        raise errors.InvalidArgument("filter rule name must be either prefix or suffix")
    if len(set(filters)) != len(filters):
        raise errors.InvalidArgument("Cannot specify more than one prefix or suffix rule in a filter.")
    arn = one[events.ARN_MEMBERS[target]]
    parsed = parse_arn(arn)
    if parsed is None or parsed.service != target:
        raise errors.InvalidArgument("The ARN could not be parsed", ArgumentName=_WORDS[target], ArgumentValue=arn)
    if parsed.region != bucket.region:
        raise errors.InvalidArgument(
            "The notification destination service region is not valid for the bucket location constraint",
            ArgumentName=_WORDS[target],
            ArgumentValue=arn,
        )
    if target != "lambda" and parsed.resource.endswith(".fifo"):
        raise _not_valid([(arn, f"FIFO {_WORDS[target]}s are not supported as a destination")])


# Destinations


def s3_itself(bucket: Bucket) -> dict:
    """How S3 calls others for a bucket: keywords of `call.invoke`."""
    arn = f"arn:aws:s3:::{bucket.name}"
    service = principals.service("s3.amazonaws.com", source_account=bucket.account, source_arn=arn)
    return {"principal": service, "source_arn": arn}


async def _require_services(call: Call, given: dict) -> None:
    """Events for nobody would be lost: refuse while there is no such service, also where no validation is wanted."""
    wanted = {target for target, _ in _rules(given)}
    if "EventBridgeConfiguration" in given:
        wanted.add(events.EVENT_BRIDGE)
    for name in sorted(wanted):
        if await call.cloud.service(name) is None:
            raise NotImplementedByUs(f"s3:PutBucketNotificationConfiguration with a destination of {name}")


async def _check_destinations(call: Call, bucket: Bucket, given: dict) -> None:
    wrong: list[tuple[str, str]] = []
    for target, arn in dict.fromkeys((target, one[events.ARN_MEMBERS[target]]) for target, one in _rules(given)):
        problem = await _problem_of(call, bucket, target, arn)
        if problem is not None:
            wrong.append((arn, problem))
    if wrong:
        raise _not_valid(wrong)


async def _problem_of(call: Call, bucket: Bucket, target: str, arn: str) -> str | None:
    parsed = parse_arn(arn)
    where = {"account": parsed.account, "region": parsed.region, **s3_itself(bucket)}
    message = orjson.dumps(events.test_event(bucket.name, call.now_ms, call.request_id)).decode()
    try:
        if target == "sqs":
            url = f"{call.endpoint}/{parsed.account}/{parsed.resource}"
            await call.invoke("sqs", "SendMessage", {"QueueUrl": url, "MessageBody": message}, **where)
        elif target == "sns":
            await call.invoke(
                "sns", "Publish", {"TopicArn": arn, "Message": message, "Subject": "Amazon S3 Notification"}, **where
            )
        else:
            await call.invoke("lambda", "Invoke", {"FunctionName": arn, "InvocationType": "DryRun"}, **where)
    except NotImplementedByUs:
        raise
    except AwsError as error:
        if error.is_fault:
            raise
        word = _WORDS[target]
        if "Denied" in error.code and await _is_there(call, target, parsed):
            return f"Permissions on the destination {word} do not allow S3 to publish notifications from this bucket"
        return f"The destination {word} does not exist"
    return None


async def _is_there(call: Call, target: str, arn: Arn) -> bool:
    """S3 is denied what isn't there, as is anybody; it tells the two apart all the same, so its owner is asked."""
    operation, request = {
        "sqs": ("GetQueueUrl", {"QueueName": arn.resource}),
        "sns": ("GetTopicAttributes", {"TopicArn": str(arn)}),
        "lambda": ("GetFunctionConfiguration", {"FunctionName": str(arn)}),
    }[target]
    owner = {"principal": principals.root(arn.account), "account": arn.account, "region": arn.region}
    try:
        await call.invoke(target, operation, request, **owner)
    except NotImplementedByUs:
        raise
    except AwsError as error:
        if error.is_fault:
            raise
        return False
    return True


def _not_valid(wrong: list[tuple[str, str]]) -> errors.InvalidArgument:
    fields = {}
    for number, (arn, problem) in enumerate(wrong, 1):
        fields |= {f"ArgumentName{number}": arn, f"ArgumentValue{number}": problem}
    return errors.InvalidArgument("Unable to validate the following destination configurations", **fields)
