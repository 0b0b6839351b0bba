"""How requests name log groups, and the ARNs of what is here."""

import re

from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.logs.errors import InvalidParameterException

_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}\Z")

GroupKey = tuple[str, str, str]


def group_arn(call: Call, name: str) -> str:
    """Without the ":*" that most of the API's answers have behind it."""
    return call.arn("logs", f"log-group:{name}")


def stream_arn(call: Call, group_name: str, stream_name: str) -> str:
    return call.arn("logs", f"log-group:{group_name}:log-stream:{stream_name}")


def group_key(call: Call, name: str) -> GroupKey:
    return call.account, call.region, name


def group_of(call: Call, request: dict) -> str:
    """The name of the group by logGroupName or logGroupIdentifier, of which one must be there."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if name and identifier:
        raise InvalidParameterException("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
    if name:
        return name
    if identifier:
        return name_of(call, identifier)
    raise InvalidParameterException("Either logGroupName or logGroupIdentifier must be specified.")


def name_of(call: Call, identifier: str) -> str:
    """The group's name from a name or an ARN; the model's pattern lets no ":*" come here."""
    if not identifier.startswith("arn:"):
        if not _GROUP_NAME.match(identifier):
            raise InvalidParameterException(f"Invalid log group identifier: {identifier}")
        return identifier
    arn = parse_arn(identifier)
    kind, _, name = ("", "", "") if arn is None else arn.resource.partition(":")
    if arn is None or arn.service != "logs" or kind != "log-group" or not _GROUP_NAME.match(name):
        raise InvalidParameterException(f"Invalid log group ARN: {identifier}")
    if arn.account != call.account:
        raise NotImplementedByUs("logs with log groups of other accounts")
    if arn.region != call.region:
        raise InvalidParameterException(f"The log group is in another region: {identifier}")
    return name
