"""Service-linked roles: the roles as which services of the cloud act for an account.

Source: IAM user guide, "Create a service-linked role"; the services' guides, "Using service-linked roles".
"""

from dataclasses import dataclass

from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import Principal, role_session, root, service


@dataclass(frozen=True)
class LinkedRole:
    """service: the principal that its trust policy names, e.g. "replication.dynamodb.amazonaws.com"."""

    service: str
    name: str

    def arn(self, call: Call) -> str:
        """The role's ARN in the account of the call."""
        path = f"aws-service-role/{self.service}"
        return f"arn:{partition_of(call.region)}:iam::{call.account}:role/{path}/{self.name}"

    async def ensure(self, call: Call, *, principal: Principal | None = None) -> None:
        """Make the role where it isn't there yet, as the caller or `principal`: who may not make it gets AccessDenied."""
        try:
            await call.invoke("iam", "GetRole", {"RoleName": self.name}, principal=root(call.account))
        except AwsError as error:
            if error.code != "NoSuchEntity":
                raise
            await call.invoke("iam", "CreateServiceLinkedRole", {"AWSServiceName": self.service}, principal=principal)

    async def session(self, call: Call) -> Principal:
        """Whom the service acts as in the account of the call. Raises AwsError where somebody deleted the role."""
        request = {"RoleArn": self.arn(call), "RoleSessionName": self.name}
        itself = service(self.service, source_account=call.account)
        answer = await call.invoke("sts", "AssumeRole", request, principal=itself)
        role_id = answer["AssumedRoleUser"]["AssumedRoleId"].partition(":")[0]
        return role_session(self.arn(call), role_id, self.name)

    def is_acting(self, principal: Principal) -> bool:
        """Whether it is a session of this role, of whatever account."""
        return principal.kind == "assumed-role" and principal.issuer_arn.endswith(
            f":role/aws-service-role/{self.service}/{self.name}"
        )


DYNAMODB_AUTO_SCALING = LinkedRole(
    "dynamodb.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
)
DYNAMODB_INSIGHTS = LinkedRole(
    "contributorinsights.dynamodb.amazonaws.com", "AWSServiceRoleForDynamoDBCloudWatchContributorInsights"
)
DYNAMODB_REPLICATION = LinkedRole("replication.dynamodb.amazonaws.com", "AWSServiceRoleForDynamoDBReplication")
