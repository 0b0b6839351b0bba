"""Roles and policies as IAM tells STS of them."""

from urllib.parse import unquote

from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import service

_STS = service("sts.amazonaws.com")


async def role_of(call: Call, role_arn: str) -> dict | None:
    """IAM's Role of an ARN, of any account; None where there is none."""
    arn = parse_arn(role_arn)
    if arn is None or arn.service != "iam" or not arn.resource.startswith("role/"):
        return None
    request = {"RoleName": arn.resource.rpartition("/")[2]}
    role = await _ask(call, "GetRole", request, arn.account)
    return role["Role"] if role is not None and role["Role"]["Arn"] == role_arn else None


async def policy_document(call: Call, policy_arn: str, account: str) -> str | None:
    """The default version of a managed policy; None where there is none."""
    policy = await _ask(call, "GetPolicy", {"PolicyArn": policy_arn}, account)
    if policy is None:
        return None
    request = {"PolicyArn": policy_arn, "VersionId": policy["Policy"]["DefaultVersionId"]}
    version = await _ask(call, "GetPolicyVersion", request, account)
    return None if version is None else unquote(version["PolicyVersion"]["Document"])


async def _ask(call: Call, operation: str, request: dict, account: str) -> dict | None:
    try:
        return await call.invoke("iam", operation, request, principal=_STS, account=account)
    except AwsError as error:
        # A name that IAM could not even have: there is no such role either.
        if error.code in ("NoSuchEntity", "ValidationError"):
            return None
        raise
