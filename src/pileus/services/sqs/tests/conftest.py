"""A queue as a test wants it: `jobs.send("a")`, `await jobs.bodies()`."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from pileus.testing import Cloud


class QueueClient:
    """A queue in a cloud, seen by the root of its account."""

    def __init__(self, cloud: Cloud, url: str) -> None:
        self.sqs = cloud.sqs
        self.url = url
        self.name = url.rsplit("/", 1)[1]
        self.arn = f"arn:aws:sqs:{cloud.region}:{cloud.account}:{self.name}"

    async def send(self, body: str, **more: Any) -> dict:
        return await self.sqs.SendMessage(QueueUrl=self.url, MessageBody=body, **more)

    async def receive(self, count: int = 10, **more: Any) -> list[dict]:
        answer = await self.sqs.ReceiveMessage(
            QueueUrl=self.url, MaxNumberOfMessages=count, AttributeNames=["All"], MessageAttributeNames=["All"], **more
        )
        return answer.get("Messages", [])

    async def bodies(self, count: int = 10, **more: Any) -> list[str]:
        return [message["Body"] for message in await self.receive(count, **more)]

    async def delete(self, message: dict) -> None:
        await self.sqs.DeleteMessage(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    async def hide(self, message: dict, timeout_s: int) -> None:
        await self.sqs.ChangeMessageVisibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=timeout_s
        )

    async def set(self, **attributes: str) -> None:
        await self.sqs.SetQueueAttributes(QueueUrl=self.url, Attributes=attributes)

    async def attributes(self, *names: str) -> dict[str, str]:
        answer = await self.sqs.GetQueueAttributes(QueueUrl=self.url, AttributeNames=list(names) or ["All"])
        return answer.get("Attributes", {})

    async def counts(self) -> tuple[int, int, int]:
        """(visible, in flight, delayed)."""
        shown = await self.attributes()
        return (
            int(shown["ApproximateNumberOfMessages"]),
            int(shown["ApproximateNumberOfMessagesNotVisible"]),
            int(shown["ApproximateNumberOfMessagesDelayed"]),
        )


@pytest.fixture
def make(cloud: Cloud) -> Callable[..., Awaitable[QueueClient]]:
    """`await make("jobs", VisibilityTimeout="30")`; a name that ends in .fifo makes a FIFO queue."""

    async def make_queue(name: str, tags: dict[str, str] | None = None, **attributes: str) -> QueueClient:
        if name.endswith(".fifo"):
            attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
        answer = await cloud.sqs.CreateQueue(QueueName=name, Attributes=attributes, tags=tags or {})
        return QueueClient(cloud, answer["QueueUrl"])

    return make_queue


@pytest.fixture
async def jobs(make: Callable[..., Awaitable[QueueClient]]) -> QueueClient:
    """A standard queue with everything as it is by default."""
    return await make("jobs")


@pytest.fixture
def begin() -> Callable[[Coroutine], Awaitable[asyncio.Task]]:
    """`await begin(coroutine)`: it runs until it waits for something; the task it is then."""

    async def begun(work: Coroutine) -> asyncio.Task:
        task = asyncio.ensure_future(work)
        await quiet()
        return task

    return begun


async def quiet() -> None:
    """Let everything run that is ready to."""
    for _ in range(20):
        await asyncio.sleep(0)
