"""What STS's operations touch.

A role is assumed by its trust policy's word, which IAM keeps: we ask IAM for it and hand it to the policy engine with
the touch. Source: Service Authorization Reference, "… for AWS Security Token Service"; IAM user guide, "Compare AWS STS
credentials" and "Pass session tags in AWS STS".
"""

from collections.abc import Callable
from urllib.parse import unquote

from pileus.authz.evaluate import TRUST
from pileus.kernel import tags as kernel_tags
from pileus.kernel.call import Call
from pileus.kernel.errors import AccessDenied
from pileus.kernel.service import Touch
from pileus.services.sts.roles import role_of


async def _role(call: Call, request: dict) -> list[Touch]:
    """The role, once for each thing that is asked of it: to be assumed, to be given tags, a source identity."""
    arn = request["RoleArn"]
    if call.principal.kind == "federated-user":
        # Such a session may call no operation of STS but GetCallerIdentity.
        raise AccessDenied(f"User: {call.principal} is not authorized to perform: sts:AssumeRole on resource: {arn}")
    role = await role_of(call, arn)
    trust = None if role is None else unquote(role["AssumeRolePolicyDocument"])
    tags = kernel_tags.from_list(request.get("Tags"))
    context: dict = {"sts:RoleSessionName": request["RoleSessionName"]}
    if "ExternalId" in request:
        context["sts:ExternalId"] = request["ExternalId"]
    if "SourceIdentity" in request:
        context["sts:SourceIdentity"] = request["SourceIdentity"]
    if request.get("TransitiveTagKeys"):
        context["sts:TransitiveTagKeys"] = request["TransitiveTagKeys"]
    if role is not None:
        context |= {f"iam:ResourceTag/{tag['Key']}": tag["Value"] for tag in role.get("Tags", [])}
    actions = ["sts:AssumeRole"]
    actions += ["sts:TagSession"] if tags or request.get("TransitiveTagKeys") else []
    actions += ["sts:SetSourceIdentity"] if "SourceIdentity" in request else []
    return [Touch(action, arn, context, request_tags=tags, policy=trust, policy_kind=TRUST) for action in actions]


def _federated_user(call: Call, request: dict) -> list[Touch]:
    arn = call.arn("sts", f"federated-user/{request['Name']}", region="")
    touches = [Touch("sts:GetFederationToken", arn, request_tags=kernel_tags.from_list(request.get("Tags")))]
    if request.get("Tags"):
        touches.append(Touch("sts:TagSession", arn, request_tags=kernel_tags.from_list(request["Tags"])))
    return touches


def _nothing(call: Call, request: dict) -> list[Touch]:
    """Nobody who has signed can be denied these: they need no permission, and no policy can take them away."""
    if call.principal.kind == "anonymous":
        raise AccessDenied(f"anonymous is not authorized to perform: sts:{call.operation}")
    return []


RESOURCES: dict[str, Callable] = {
    "AssumeRole": _role,
    "GetAccessKeyInfo": lambda call, request: ["*"],
    "GetCallerIdentity": _nothing,
    "GetFederationToken": _federated_user,
    "GetSessionToken": _nothing,
}
