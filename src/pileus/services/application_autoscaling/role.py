"""As whom capacity is read and set: the service-linked role of DynamoDB's tables.

Source: Application Auto Scaling user guide, "Service-linked roles for Application Auto Scaling".
"""

from pileus.authn.linked_roles import DYNAMODB_AUTO_SCALING
from pileus.kernel import principal as principals
from pileus.kernel.call import Call, Cloud
from pileus.kernel.errors import AccessDenied
from pileus.kernel.principal import Principal

SERVICE_PRINCIPAL = "application-autoscaling.amazonaws.com"
"""To whom a role is passed."""


async def session(cloud: Cloud, account: str, region: str) -> Principal:
    """errors   AccessDenied where the role is not there"""
    itself = principals.service(DYNAMODB_AUTO_SCALING.service, source_account=account)
    return await DYNAMODB_AUTO_SCALING.session(
        cloud.call("application-autoscaling", principal=itself, account=account, region=region)
    )


def check_passed(call: Call, given: str | None) -> None:
    """AWS takes a role and uses its own all the same; another account's it refuses.

    errors   AccessDenied
    """
    parts = [] if given is None else given.split(":")
    if len(parts) > 5 and parts[4] != call.account:
        raise AccessDenied("Cross-account pass role is not allowed.")
