"""A queue, a role that may read it, and mappings of it."""

import pytest

from pileus.services.lambda_.tests.mappings.played import POLLING, QUEUE_ARN, PlayedFunction
from pileus.services.lambda_.tests.material import TRUST, allow


@pytest.fixture
async def role(cloud):
    made = await cloud.iam.CreateRole(RoleName="runs-functions", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*", *POLLING))
    return made["Role"]["Arn"]


@pytest.fixture
async def played(cloud, make):
    await make()
    return PlayedFunction(cloud)


@pytest.fixture
async def url(cloud):
    return (await cloud.sqs.CreateQueue(QueueName="jobs"))["QueueUrl"]


@pytest.fixture
def map_(cloud, played, url):
    async def map_(**more):
        request = {"FunctionName": "echo", "EventSourceArn": QUEUE_ARN} | more
        made = await cloud.lambda_.CreateEventSourceMapping(**request)
        await cloud.settle()
        return made["UUID"]

    return map_


@pytest.fixture
async def fifo(cloud):
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    return (await cloud.sqs.CreateQueue(QueueName="jobs.fifo", Attributes=attributes))["QueueUrl"]
