"""The load, and the ledger of what the server acknowledged. One thread a kind of work, until told to stop."""

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from tests.faults.server import Server

WENT_AWAY = (BotoCoreError, HTTPClientError, ConnectionError)

SEEN = """
import boto3, os, urllib.parse
s3 = boto3.client("s3")
def handler(event, context):
    for record in event["Records"]:
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        s3.put_object(Bucket=os.environ["SEEN"], Key=key, Body=b"")
"""

WORKED = """
import boto3, os
s3 = boto3.client("s3")
def handler(event, context):
    for record in event["Records"]:
        s3.put_object(Bucket=os.environ["WORKED"], Key=record["body"], Body=b"")
"""


@dataclass
class Ledger:
    """What was acknowledged. A message is `deleting` from when its deletion was asked for: it may or may not come back."""

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)
    received: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    came_back: set[str] = field(default_factory=set)
    lines: set[str] = field(default_factory=set)
    put_events: set[str] = field(default_factory=set)
    stacks: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Load:
    """`prepare` once; then, as often as the server is killed, `begin` and `end`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ledger = Ledger()
        self.number = 0
        # Made once: making one costs more than what is measured here, and the endpoint stays.
        names = ("s3", "sqs", "logs", "iam", "lambda", "cloudformation", "events")
        self.clients = {name: server.client(name) for name in names}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def next(self) -> int:
        with self._lock:
            self.number += 1
            return self.number

    def prepare(self) -> None:
        s3, sqs, logs, iam, lambda_, _, events = self.clients.values()
        for bucket in ("objects", "uploads", "seen", "worked"):
            s3.create_bucket(Bucket=bucket)
        sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "2"})
        logs.create_log_group(logGroupName="lines")
        logs.create_log_stream(logGroupName="lines", logStreamName="all")
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(
            RoleName="seen", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]["Arn"]
        allow = {"Effect": "Allow", "Action": ["s3:PutObject", "logs:*", "sqs:*"], "Resource": "*"}
        iam.put_role_policy(
            RoleName="seen", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        )
        function = self._make_function("seen", SEEN, role)
        self._make_function("worked", WORKED, role, Timeout=5)
        tasks = sqs.create_queue(QueueName="tasks", Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=tasks, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        lambda_.create_event_source_mapping(FunctionName="worked", EventSourceArn=queue, BatchSize=5)
        lambda_.add_permission(
            FunctionName="seen", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
        )
        s3.put_bucket_notification_configuration(
            Bucket="uploads",
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [{"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}],
                "EventBridgeConfiguration": {},
            },
        )
        told = "arn:aws:sqs:us-east-1:000000000000:told"
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:*",
            "Resource": told,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        sqs.create_queue(QueueName="told", Attributes={"Policy": policy})
        events.put_rule(Name="tell", EventPattern=json.dumps({"source": ["load", "aws.s3"]}))
        events.put_targets(Rule="tell", Targets=[{"Id": "told", "Arn": told}])

    def _make_function(self, name: str, code: str, role: str, **more: int) -> str:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", code)
        lambda_ = self.clients["lambda"]
        made = lambda_.create_function(
            FunctionName=name,
            Role=role,
            Runtime="python3.11",
            Handler="app.handler",
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {name.upper(): name}},
            **{"Timeout": 30, "MemorySize": 512, **more},
        )
        lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
        return made["FunctionArn"]

    def begin(self) -> None:
        self._stopping.clear()
        works = (
            self.put_objects,
            self.upload,
            self.send,
            self.receive,
            self.send_task,
            self.put_event,
            self.put_lines,
            self.create_stack,
        )
        self._threads = [threading.Thread(target=self._repeat, args=(work,), daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"

    def _repeat(self, work: Callable) -> None:
        while not self._stopping.is_set():
            try:
                work(self.clients.__getitem__)
            except WENT_AWAY:
                return  # the server was killed; whatever this request did is not acknowledged
            except ClientError as error:
                # A refusal is an answer; but nothing here gives the server a reason to refuse.
                self.ledger.refused.append(f"{work.__name__}: {error}")
                return

    # Each writes into the ledger only what was answered with success.

    def put_objects(self, client: Callable) -> None:
        number = self.next()
        # Some within their row, some as files, some in parts.
        body = (f"{number}:".encode() * 20_000)[: (100, 70_000, 300_000)[number % 3]]
        key = f"o/{number}"
        client("s3").put_object(Bucket="objects", Key=key, Body=body)
        self.ledger.objects[key] = body

    def upload(self, client: Callable) -> None:
        key = f"u {self.next()}.txt"
        client("s3").put_object(Bucket="uploads", Key=key, Body=b"x")
        self.ledger.uploads.add(key)
        time.sleep(0.02)

    def send(self, client: Callable) -> None:
        body = f"m{self.next()}"
        client("sqs").send_message(QueueUrl=f"{self.server.endpoint}/000000000000/jobs", MessageBody=body)
        self.ledger.sent.add(body)

    def receive(self, client: Callable) -> None:
        ledger, url = self.ledger, f"{self.server.endpoint}/000000000000/jobs"
        answer = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            body = message["Body"]
            ledger.received.add(body)
            if body in ledger.deleted:
                ledger.came_back.add(body)
            if hash(body) % 2:
                ledger.deleting.add(body)
                client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                ledger.deleted.add(body)

    def send_task(self, client: Callable) -> None:
        """For the function that an event source mapping feeds."""
        body = f"t{self.next()}"
        client("sqs").send_message(QueueUrl=f"{self.server.endpoint}/000000000000/tasks", MessageBody=body)
        self.ledger.tasks.add(body)
        time.sleep(0.01)

    def put_event(self, client: Callable) -> None:
        """For the queue that a rule tells."""
        name = f"e{self.next()}"
        entry = {"Source": "load", "DetailType": "Event", "Detail": json.dumps({"name": name})}
        client("events").put_events(Entries=[entry])
        self.ledger.put_events.add(name)
        time.sleep(0.01)

    def put_lines(self, client: Callable) -> None:
        line = f"line {self.next()}"
        client("logs").put_log_events(
            logGroupName="lines",
            logStreamName="all",
            logEvents=[{"timestamp": int(time.time() * 1000), "message": line}],
        )
        self.ledger.lines.add(line)
        time.sleep(0.005)

    def create_stack(self, client: Callable) -> None:
        name = f"stack-{self.next()}"
        queues = {f"Q{n}": {"Type": "AWS::SQS::Queue"} for n in range(6)}
        queues["Last"] = {"Type": "AWS::SQS::Queue", "DependsOn": sorted(queues)}
        client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps({"Resources": queues}))
        self.ledger.stacks.append(name)
        time.sleep(0.3)
