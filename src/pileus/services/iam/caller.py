"""Operations that mean the caller's own user when they name none."""

from pileus.kernel.call import Call
from pileus.services.iam.errors import ValidationError


def user_name(call: Call, request: dict) -> str:
    """The user named or calling; "" for the account's root.

    source  IAM API reference, e.g. CreateAccessKey: "If you do not specify a user name, IAM determines the user name
            implicitly based on the AWS access key ID signing the request."
    """
    if "UserName" in request:
        return request["UserName"]
    if call.principal.kind == "user":
        return call.principal.name
    if call.principal.kind == "root":
        return ""
    raise ValidationError("Must specify userName when calling with non-User credentials")
