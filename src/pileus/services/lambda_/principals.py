"""Whom a permission is given to: the Principal of AddPermission and AddLayerVersionPermission."""

import re

from pileus.kernel.call import Call
from pileus.services.lambda_ import errors

_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|amazon\.com)\Z")
_ACCOUNT = re.compile(r"\d{12}\Z")
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:root\Z")
_ARN = re.compile(r"arn:aws[a-z-]*:(iam|sts)::\d{12}:.+\Z")


async def principal_out(call: Call, principal: str) -> str | dict:
    """As a statement names whom a request calls by a service's name, an account's number or an ARN.

    errors   InvalidParameterValueException, also where no such user or role is there
    """
    if principal == "*":
        return "*"
    if _SERVICE.match(principal):
        return {"Service": principal}
    if _ACCOUNT.match(principal):
        partition = call.arn("iam", "").split(":")[1]
        return {"AWS": f"arn:{partition}:iam::{principal}:root"}
    if _ROOT.match(principal) or (_ARN.match(principal) and not await call.strangers([principal])):
        return {"AWS": principal}
    raise errors.InvalidParameterValueException(
        "The provided principal was invalid. Please check the principal and try again."
    )
