"""As whom a stack acts, and how its steps reach the other services."""

import json
from typing import Any

from pileus.authn.sessions import open_session
from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import Principal, service
from pileus.stacks.dynamic import DynamicReference
from pileus.stacks.errors import ValidationError
from pileus.stacks.resource import Invoke

CLOUDFORMATION = "cloudformation.amazonaws.com"


def invoking(cloud: Any, principal: Principal, account: str, region: str, stack_id: str | None = None) -> Invoke:
    """Calls of other services from within the cloud, in the stack's account and, where no other is asked for, region.

    stack_id  a nested stack is told which one it is nested in
    """

    async def invoke(service_name: str, operation: str, request: dict, *, region: str = region) -> dict:
        call = Call(
            cloud,
            service_name,
            operation,
            account,
            region,
            principal,
            cloud.ids.uuid(),
            cloud.clock.now_ms(),
            endpoint=cloud.endpoint,
            user_agent=CLOUDFORMATION,
            source_arn=stack_id if service_name == "cloudformation" else None,
        )
        return await cloud.invoke(call, request)

    return invoke


async def acting_principal(cloud: Any, asked_by: Principal, role_arn: str, region: str) -> Principal:
    """Who asked, or a session of the role that the stack was given."""
    if not role_arn:
        return asked_by
    arn = parse_arn(role_arn)
    if arn is None:
        raise ValidationError(f"Role {role_arn} is invalid or cannot be assumed")
    invoke = invoking(cloud, service(CLOUDFORMATION, source_account=arn.account), arn.account, region)
    request = {"RoleArn": role_arn, "RoleSessionName": "AWSCloudFormation"}
    try:
        answer = await invoke("sts", "AssumeRole", request)
    except AwsError as error:
        if error.is_fault:
            raise
        raise ValidationError(f"Role {role_arn} is invalid or cannot be assumed") from error
    given = answer["Credentials"]
    session = open_session(
        given["SessionToken"], cloud.session_key, given["AccessKeyId"], cloud.clock.now_ms(), "query"
    )
    return session.principal


def resolving(invoke: Invoke):
    """The Resolver of dynamic references, that asks the services as the stack."""

    async def resolve(reference: DynamicReference) -> str:
        if reference.service == "secretsmanager":
            return await _secret(invoke, reference)
        name = f"{reference.name}:{reference.version}" if reference.version else reference.name
        is_secure = reference.service == "ssm-secure"
        answer = await invoke("ssm", "GetParameter", {"Name": name, "WithDecryption": is_secure})
        return answer["Parameter"]["Value"]

    return resolve


async def _secret(invoke: Invoke, reference: DynamicReference) -> str:

    request = {"SecretId": reference.name}
    if reference.stage:
        request["VersionStage"] = reference.stage
    if reference.version_id:
        request["VersionId"] = reference.version_id
    text = (await invoke("secretsmanager", "GetSecretValue", request))["SecretString"]
    if reference.json_key is None:
        return text
    try:
        return str(json.loads(text)[reference.json_key])
    except (ValueError, KeyError, TypeError):
        raise ValidationError(
            f"Could not find a value associated with JSONKey in SecretString: {reference.name}"
        ) from None


def ssm_parameters(invoke: Invoke):
    """The SsmResolver of template parameters."""

    async def value(name: str) -> str:
        return (await invoke("ssm", "GetParameter", {"Name": name}))["Parameter"]["Value"]

    return value
