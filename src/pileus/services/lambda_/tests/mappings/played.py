"""What the tests of queues' mappings share: a function that the test plays, and looks at the queue."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from pileus.kernel.errors import AwsError

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"
POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


class PlayedFunction:
    """Stands where the engine is asked. `answers`: fn(event) -> a response, or an exception that it raises."""

    def __init__(self, cloud):
        self.events = []
        self.arns = []
        self.running = 0
        self.most_running = 0
        self.answers = lambda event: None
        self.gate = None
        self._running = cloud.pileus.engines["lambda"].running
        self._enter = self._running.concurrency
        self._running.invoke = self.invoke
        self._cloud = cloud

    async def invoke(self, ref, payload, *, request_id, started=None, **more):
        (version, function), _ = await self._running._ready_version(ref)
        self._running.concurrency.enter(function)
        try:
            if started is not None:
                started()
            event = json.loads(payload)
            self.events.append(event)
            self.arns.append(ref.arn)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            if self.gate is not None:
                await self.gate.wait()
            response = self.answers(event)
        finally:
            self.running -= 1
            self._running.concurrency.leave(function)
        error = "Unhandled" if isinstance(response, Exception) else None
        payload = json.dumps({"errorMessage": str(response)} if error else response).encode()
        spec = await self._running._spec(version)
        invocation = SimpleNamespace(payload=payload, error=error, log_stream="none")
        return SimpleNamespace(version=version, invocation=invocation, spec=spec, seen=0)

    @property
    def batches(self):
        return [[record["body"] for record in event["Records"]] for event in self.events]


async def send(cloud, url, *bodies, **more):
    for body in bodies:
        await cloud.sqs.SendMessage(QueueUrl=url, MessageBody=body, **more)
    await cloud.settle()


async def left(cloud, url):
    """(visible, in flight)"""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = (await cloud.sqs.GetQueueAttributes(QueueUrl=url, AttributeNames=names))["Attributes"]
    return tuple(int(found[name]) for name in names)


async def mapping(cloud, uuid):
    return await cloud.lambda_.GetEventSourceMapping(UUID=uuid)


def refused(code, words=""):
    return pytest.raises(AwsError, match=f"{code}.*{words}" if words else code)


async def turns():
    """Let everything that is ready run."""
    for _ in range(400):
        await asyncio.sleep(0)
