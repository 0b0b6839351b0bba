"""The measurements. Each takes a running platform and returns a figure, or None where the platform can't do it."""

import http.client
import io
import json
import statistics
import time
import zipfile
from collections.abc import Callable

import boto3
from botocore.config import Config

from bench import load
from bench.load import Request
from bench.platforms import Running

KEYS = 1000
"""Items."""
CONNECTIONS = 16
SECONDS = 4.0
MIB = 1 << 20
COLD = 12
WARM = 300
EVENTS = 30

HANDLER = """
import json, os, time
def handler(event, context):
    return {"at": time.time()}
def tell(event, context):
    at = time.time()
    import boto3
    boto3.client("sqs", region_name="us-east-1").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps({
        "key": event["Records"][0]["s3"]["object"]["key"], "at": at}))
"""


class Refused(Exception):
    """The platform answered with errors: its rate would mean nothing."""


class Bench:
    """Everything that is measured on one platform, in order."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.endpoint = running.endpoint
        self.figures: dict[str, float | None] = {}

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=load.REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=120),
        )

    def run(self, only: str = "") -> dict[str, float | None]:
        for name, measure in MEASURES.items():
            if only and only not in name:
                continue
            try:
                self.figures[name] = measure(self)
            except Refused as error:
                print(f"    {name}: {error}")
                self.figures[name] = None
            except Exception as error:  # a peer that can't is told as such, and the others go on
                print(f"    {name}: {type(error).__name__}: {str(error)[:200]}")
                self.figures[name] = None
            print(f"    {name}: {self.figures[name]}", flush=True)
        return self.figures

    def rate(self, requests: list[Request], connections: int = CONNECTIONS, seconds: float = SECONDS) -> float:
        result = load.wrk(self.endpoint, requests, connections=connections, seconds=seconds)
        if result.refused:
            raise Refused(f"{result.refused} answers were refusals or errors")
        return round(result.per_s, 1)


def ready_s(bench: Bench) -> float:
    return round(bench.running.ready_s, 2)


def idle_mib(bench: Bench) -> float:
    time.sleep(2)
    return round(bench.running.memory_mib(), 1)


def send(bench: Bench) -> float:
    queue = bench.client("sqs").create_queue(QueueName="bench")["QueueUrl"]
    return bench.rate([load.sqs(bench.endpoint, "SendMessage", {"QueueUrl": queue, "MessageBody": "x" * 200})])


def receive(bench: Bench) -> float:
    """One message a call, from the backlog that `send` left."""
    queue = bench.client("sqs").get_queue_url(QueueName="bench")["QueueUrl"]
    content = {"QueueUrl": queue, "VisibilityTimeout": 600}
    return bench.rate([load.sqs(bench.endpoint, "ReceiveMessage", content)], seconds=SECONDS / 2)


def put(size: int, connections: int, keys: int) -> Callable[[Bench], float]:
    def measure(bench: Bench) -> float:
        bench.client("s3").create_bucket(Bucket=f"bench-{size}")
        body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
        paths = [f"/bench-{size}/k/{number}" for number in range(keys)]
        return bench.rate([load.signed("s3", "PUT", bench.endpoint, path, {}, body) for path in paths], connections)

    return measure


def get(size: int, connections: int, keys: int) -> Callable[[Bench], float]:
    def measure(bench: Bench) -> float:
        paths = [f"/bench-{size}/k/{number}" for number in range(keys)]
        return bench.rate([load.signed("s3", "GET", bench.endpoint, path, {}) for path in paths], connections)

    return measure


def put_item(bench: Bench) -> float:
    """Ten attributes; each put changes what is there."""
    client = bench.client("dynamodb")
    client.create_table(
        TableName="bench",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName="bench", WaiterConfig={"Delay": 1})
    return bench.rate([_on_item(bench, "PutItem", Item=_item(key, turn)) for turn in (0, 1) for key in range(KEYS)])


def get_item(bench: Bench) -> float:
    return bench.rate([_on_item(bench, "GetItem", Key={"p": {"S": f"key{key}"}}) for key in range(KEYS)])


def update_item(bench: Bench) -> float:
    change = {
        "UpdateExpression": "SET number0 = number0 + :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    return bench.rate([_on_item(bench, "UpdateItem", Key={"p": {"S": f"key{key}"}}, **change) for key in range(KEYS)])


def _item(key: int, turn: int) -> dict:
    texts = {f"text{number}": {"S": f"{turn} some text of some forty characters, say"} for number in range(5)}
    numbers = {f"number{number}": {"N": str(key * number + turn)} for number in range(4)}
    return {"p": {"S": f"key{key}"}, **texts, **numbers}


def _on_item(bench: Bench, operation: str, **content: object) -> Request:
    return load.dynamodb(bench.endpoint, operation, {"TableName": "bench", **content})


def _create_function(bench: Bench, name: str, handler: str = "app.handler", **options) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": ["sqs:*", "logs:*"], "Resource": "*"}
    iam, lambda_ = bench.client("iam"), bench.client("lambda")
    try:
        iam.create_role(
            RoleName="bench", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        iam.put_role_policy(
            RoleName="bench", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        )
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", HANDLER)
    arn = lambda_.create_function(
        FunctionName=name,
        Role=iam.get_role(RoleName="bench")["Role"]["Arn"],
        Runtime="python3.11",
        Handler=handler,
        Code={"ZipFile": packed.getvalue()},
        MemorySize=1769,
        Timeout=30,
        **options,
    )["FunctionArn"]
    lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
    return arn


class Invoker:
    """One kept connection and requests signed beforehand: no SDK between the clock and the socket."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.connection = http.client.HTTPConnection("127.0.0.1", bench.running.port, timeout=60)

    def ms(self, function: str) -> float:
        path = f"/2015-03-31/functions/{function}/invocations"
        request = load.signed("lambda", "POST", self.bench.endpoint, path, {"content-type": "application/json"}, b"{}")
        began = time.perf_counter()
        self.connection.request("POST", path, request.body, request.headers)
        response = self.connection.getresponse()
        body = response.read()
        took_ms = (time.perf_counter() - began) * 1000
        if response.status != 200 or b'"at"' not in body:
            raise Refused(f"the invocation answered {response.status}: {body[:200]!r}")
        return took_ms


def warm_ms(bench: Bench) -> float:
    _create_function(bench, "warm")
    invoker = Invoker(bench)
    invoker.ms("warm")
    return round(statistics.median(invoker.ms("warm") for _ in range(WARM)), 2)


def cold_ms(bench: Bench) -> float:
    """The first invocation of a new function, where the runtime has been used before."""
    for number in range(COLD):
        _create_function(bench, f"cold-{number}")
    invoker = Invoker(bench)
    return round(statistics.median(invoker.ms(f"cold-{number}") for number in range(COLD)), 1)


def event_ms(bench: Bench) -> float:
    """From the upload's request to the first line of the function that it invokes, warm."""
    s3, sqs = bench.client("s3"), bench.client("sqs")
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    variables = {"QUEUE": queue, "AWS_ENDPOINT_URL": bench.endpoint}
    arn = _create_function(bench, "told", "app.tell", Environment={"Variables": variables})
    bench.client("lambda").add_permission(
        FunctionName="told", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    s3.create_bucket(Bucket="events")
    s3.put_bucket_notification_configuration(
        Bucket="events",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    took = []
    for number in range(EVENTS):
        began = time.time()
        s3.put_object(Bucket="events", Key=f"e{number}", Body=b"x")
        deadline = time.monotonic() + 30
        while True:
            messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
            told = [json.loads(message["Body"]) for message in messages]
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            mine = [line["at"] for line in told if line["key"] == f"e{number}"]
            if mine:
                took.append((mine[0] - began) * 1000)
                break
            if time.monotonic() > deadline:
                raise Refused("the event never reached the function")
    return round(statistics.median(took[3:]), 1)


MEASURES: dict[str, Callable[[Bench], float | None]] = {
    "ready, s": ready_s,
    "idle memory, MiB": idle_mib,
    "SendMessage /s": send,
    "ReceiveMessage /s": receive,
    "PutItem /s": put_item,
    "GetItem /s": get_item,
    "UpdateItem /s": update_item,
    "PutObject 1 KiB /s": put(1024, CONNECTIONS, 1000),
    "GetObject 1 KiB /s": get(1024, CONNECTIONS, 1000),
    "PutObject 8 MiB /s": put(8 * MIB, 4, 4),
    "GetObject 8 MiB /s": get(8 * MIB, 4, 4),
    "warm invocation p50, ms": warm_ms,
    "cold invocation p50, ms": cold_ms,
    "S3 event to function p50, ms": event_ms,
}
