"""Queues that listen to rules, and what they heard."""

import json

import pytest

BUS_PATTERN = json.dumps({"source": ["shop"]})


def statement(action: str, resource: str, service: str = "events.amazonaws.com", **condition) -> str:
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow | ({"Condition": condition} if condition else {})]})


class Listener:
    """A queue that EventBridge may send to."""

    def __init__(self, cloud, name: str) -> None:
        self._cloud = cloud
        self.name = name
        self.arn = f"arn:aws:sqs:{cloud.region}:{cloud.account}:{name}"
        self.url = f"http://localhost:4566/{cloud.account}/{name}"

    async def messages(self) -> list[dict]:
        """Those that came since the last look."""
        await self._cloud.settle()
        found = []
        while True:
            answer = await self._cloud.sqs.ReceiveMessage(
                QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
            )
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                await self._cloud.sqs.DeleteMessage(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                found.append(message)

    async def heard(self) -> list:
        """Their bodies, as JSON."""
        return [json.loads(message["Body"]) for message in await self.messages()]


@pytest.fixture
def listen(cloud):
    """Make a queue; with `rule`, the target of it: `await listen("heard", rule="r", InputPath="$.detail")`."""

    async def listen(name: str = "heard", rule: str | None = None, bus: str = "default", **target) -> Listener:
        listener = Listener(cloud, name)
        attributes = {"Policy": statement("sqs:SendMessage", listener.arn)}
        if name.endswith(".fifo"):
            attributes |= {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
        await cloud.sqs.CreateQueue(QueueName=name, Attributes=attributes)
        if rule is not None:
            target = {"Id": name.removesuffix(".fifo"), "Arn": listener.arn, **target}
            await cloud.events.PutTargets(Rule=rule, EventBusName=bus, Targets=[target])
        return listener

    return listen


@pytest.fixture
def send(cloud):
    """Send one event; the answer's entry."""

    async def send(detail: dict | str | None = None, source: str = "shop", **entry) -> dict:
        text = detail if isinstance(detail, str) else json.dumps(detail or {})
        entry = {"Source": source, "DetailType": "Order", "Detail": text, **entry}
        return (await cloud.events.PutEvents(Entries=[entry]))["Entries"][0]

    return send


@pytest.fixture
async def rule(cloud):
    """A rule of the default bus that wants the shop's events: its ARN."""
    return (await cloud.events.PutRule(Name="orders", EventPattern=BUS_PATTERN))["RuleArn"]
