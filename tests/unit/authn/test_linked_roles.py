"""Service-linked roles, as services act through them."""

import pytest

from pileus.authn.linked_roles import LinkedRole
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root, user

REPLICATION = LinkedRole("replication.dynamodb.amazonaws.com", "AWSServiceRoleForDynamoDBReplication")


def asked_by(cloud, principal):
    return cloud.pileus.call("dynamodb", "UpdateTable", principal=principal)


async def test_the_role_is_made_once_by_whoever_may(cloud):
    call = asked_by(cloud, root(cloud.account))
    for _ in range(2):
        await REPLICATION.ensure(call)
    roles = (await cloud.iam.ListRoles(PathPrefix="/aws-service-role/"))["Roles"]
    assert [role["Arn"] for role in roles] == [REPLICATION.arn(call)]
    nobody = asked_by(cloud, user(cloud.account, "nobody", "AIDANOBODY"))
    await REPLICATION.ensure(nobody)  # it is there
    await cloud.iam.DeleteServiceLinkedRole(RoleName=REPLICATION.name)
    with pytest.raises(AwsError) as refused:
        await REPLICATION.ensure(nobody)
    assert refused.value.code == "AccessDenied"
    assert "iam:CreateServiceLinkedRole" in str(refused.value)


async def test_a_session_may_what_the_roles_policy_grants_and_no_more(cloud):
    call = asked_by(cloud, root(cloud.account))
    await REPLICATION.ensure(call)
    session = await REPLICATION.session(call)
    assert REPLICATION.is_acting(session)
    assert not REPLICATION.is_acting(root(cloud.account))
    for operation, code in (("DescribeTable", "ResourceNotFoundException"), ("DeleteTable", "AccessDenied")):
        with pytest.raises(AwsError) as refused:
            await call.invoke("dynamodb", operation, {"TableName": "tbl"}, principal=session)
        assert refused.value.code == code
