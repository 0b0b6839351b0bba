"""The AWS CLI against a real server: what people type."""

import json
import os
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import pytest

AWS = Path(__file__).parents[3] / ".venv" / "tools" / "bin" / "aws"


@pytest.fixture(scope="module")
def aws(endpoint, account, tmp_path_factory):
    """`aws("s3", "ls")`: what it prints, read as JSON where it is; raises with its words where it fails."""
    if not AWS.exists():
        warnings.warn(f"the AWS CLI is NOT tested: {AWS} is missing; `make e2e` installs it", stacklevel=1)
        pytest.skip("the AWS CLI is not installed")
    home = tmp_path_factory.mktemp("home")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
    }

    def run(*arguments: str, **more: str):
        done = subprocess.run(
            [str(AWS), "--endpoint-url", endpoint, *arguments],
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=30,
            cwd=home,
        )
        if done.returncode:
            raise CommandFailed(done.stderr.strip())
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    return run


class CommandFailed(Exception):
    pass


def test_s3_cp_sync_ls_rm(aws, tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub folder").mkdir(parents=True)
    files = {"a.txt": b"a", "sub folder/b ü.txt": b"bb", "big.bin": os.urandom(9 << 20)}
    for name, body in files.items():
        (tree / name).write_bytes(body)
    aws("s3", "mb", "s3://cli-files")
    up = aws("s3", "sync", str(tree), "s3://cli-files/t", "--no-progress")
    assert up.count("upload:") == 3
    assert aws("s3", "sync", str(tree), "s3://cli-files/t", "--no-progress") == ""
    listed = aws("s3", "ls", "s3://cli-files", "--recursive")
    assert all(f"t/{name}" in listed for name in files)
    (tree / "a.txt").write_bytes(b"changed")
    (tree / "big.bin").unlink()
    again = aws("s3", "sync", str(tree), "s3://cli-files/t", "--delete", "--no-progress")
    assert (again.count("upload:"), again.count("delete:")) == (1, 1)
    back = tmp_path / "back"
    aws("s3", "cp", "s3://cli-files/t", str(back), "--recursive", "--no-progress")
    assert {str(p.relative_to(back)): p.read_bytes() for p in back.rglob("*") if p.is_file()} == {
        "a.txt": b"changed",
        "sub folder/b ü.txt": b"bb",
    }
    aws("s3", "mv", "s3://cli-files/t/a.txt", "s3://cli-files/moved.txt")
    assert aws("s3", "cp", "s3://cli-files/moved.txt", "-") == "changed"
    assert aws("s3", "rm", "s3://cli-files", "--recursive").count("delete:") == 2
    aws("s3", "rb", "s3://cli-files")
    with pytest.raises(CommandFailed, match="NoSuchBucket"):
        aws("s3", "ls", "s3://cli-files")


def test_sqs(aws, account):
    url = aws("sqs", "create-queue", "--queue-name", "cli", "--attributes", "VisibilityTimeout=5", "--tags", "a=1")[
        "QueueUrl"
    ]
    aws("sqs", "send-message", "--queue-url", url, "--message-body", "hello", "--message-attributes",
        '{"n":{"DataType":"Number","StringValue":"1"}}')  # fmt: skip
    got = aws("sqs", "receive-message", "--queue-url", url, "--message-attribute-names", "All")["Messages"][0]
    assert (got["Body"], got["MessageAttributes"]["n"]["StringValue"]) == ("hello", "1")
    aws("sqs", "delete-message", "--queue-url", url, "--receipt-handle", got["ReceiptHandle"])
    asked = aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "QueueArn")
    assert asked["Attributes"]["QueueArn"] == f"arn:aws:sqs:us-east-1:{account}:cli"
    with pytest.raises(
        CommandFailed, match=r"\(AWS.SimpleQueueService.NonExistentQueue\) when calling the GetQueueUrl"
    ):
        aws("sqs", "get-queue-url", "--queue-name", "none")


def test_iam_and_sts(aws, account, connect):
    connect("iam").create_user(UserName="cli")
    key = aws("iam", "create-access-key", "--user-name", "cli")["AccessKey"]
    theirs = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    assert aws("sts", "get-caller-identity", **theirs)["Arn"] == f"arn:aws:iam::{account}:user/cli"
    with pytest.raises(
        CommandFailed, match=r"\(AccessDenied\) when calling the ListBuckets operation: User: .*user/cli is not"
    ):
        aws("s3", "ls", **theirs)
    with pytest.raises(CommandFailed, match=r"\(AccessDenied\) when calling the ListQueues operation"):
        aws("sqs", "list-queues", **theirs)
    aws("iam", "attach-user-policy", "--user-name", "cli", "--policy-arn", "arn:aws:iam::aws:policy/AmazonS3FullAccess")
    aws("s3", "ls", **theirs)
    with pytest.raises(CommandFailed, match=r"\(SignatureDoesNotMatch\)"):
        aws("iam", "list-users", AWS_SECRET_ACCESS_KEY="wrong")


def test_logs(aws, connect):
    connect("logs").create_log_group(logGroupName="cli")
    connect("logs").create_log_stream(logGroupName="cli", logStreamName="one")
    lines = json.dumps([{"timestamp": int(time.time() * 1000), "message": "hello from the cli"}])
    aws("logs", "put-log-events", "--log-group-name", "cli", "--log-stream-name", "one", "--log-events", lines)
    # `logs tail` is of version 2 of the CLI; what it asks is this.
    found = aws("logs", "filter-log-events", "--log-group-name", "cli", "--filter-pattern", "hello")["events"]
    assert [event["message"] for event in found] == ["hello from the cli"]


def test_dynamodb(aws, connect):
    aws("dynamodb", "create-table", "--table-name", "cli", "--billing-mode", "PAY_PER_REQUEST",
        "--attribute-definitions", "AttributeName=p,AttributeType=S", "AttributeName=s,AttributeType=N",
        "--key-schema", "AttributeName=p,KeyType=HASH", "AttributeName=s,KeyType=RANGE")  # fmt: skip
    # Not `wait`, which looks every 20 seconds.
    connect("dynamodb").get_waiter("table_exists").wait(TableName="cli", WaiterConfig={"Delay": 0.05})
    item = {"p": {"S": "a"}, "s": {"N": "1"}, "raw": {"B": "hello"}, "tags": {"SS": ["x"]}}
    aws("dynamodb", "put-item", "--table-name", "cli", "--item", json.dumps(item))
    key = json.dumps({"p": {"S": "a"}, "s": {"N": "1"}})
    assert aws("dynamodb", "get-item", "--table-name", "cli", "--key", key, "--consistent-read")["Item"] == item | {
        "raw": {"B": "aGVsbG8="}  # version 1 takes bytes and shows base64
    }
    updated = aws("dynamodb", "update-item", "--table-name", "cli", "--key", key, "--return-values", "UPDATED_NEW",
                  "--update-expression", "SET #n = :n", "--expression-attribute-names", '{"#n": "name"}',
                  "--expression-attribute-values", '{":n": {"S": "b"}}')  # fmt: skip
    assert updated["Attributes"] == {"name": {"S": "b"}}
    with pytest.raises(CommandFailed, match=r"\(ConditionalCheckFailedException\) when calling the DeleteItem"):
        aws("dynamodb", "delete-item", "--table-name", "cli", "--key", key, "--condition-expression",
            "attribute_not_exists(p)")  # fmt: skip
    puts = [{"PutRequest": {"Item": {"p": {"S": "b"}, "s": {"N": str(n)}}}} for n in range(5)]
    aws("dynamodb", "batch-write-item", "--request-items", json.dumps({"cli": puts}))
    # The CLI reads all pages itself.
    found = aws("dynamodb", "query", "--table-name", "cli", "--key-condition-expression", "p = :p", "--page-size", "2",
                "--expression-attribute-values", '{":p": {"S": "b"}}', "--query", "Items[].s.N")  # fmt: skip
    assert found == ["0", "1", "2", "3", "4"]
    first = aws("dynamodb", "scan", "--table-name", "cli", "--max-items", "4")
    rest = aws("dynamodb", "scan", "--table-name", "cli", "--starting-token", first["NextToken"])
    assert len(first["Items"]) == 4 and len(rest["Items"]) == 2
    statement = "SELECT s FROM cli WHERE p = 'b' AND s > 2"
    assert len(aws("dynamodb", "execute-statement", "--statement", statement)["Items"]) == 2
    with pytest.raises(CommandFailed, match=r"\(ResourceNotFoundException\) when calling the DescribeTable"):
        aws("dynamodb", "describe-table", "--table-name", "none")


def test_a_stream_and_its_function(aws, connect, tmp_path):
    arn = connect("dynamodb").create_table(
        TableName="fed",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]
    packed = tmp_path / "function.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", PRINTS)
    aws("lambda", "create-function", "--function-name", "reader", "--runtime", "python3.11", "--handler",
        "app.handler", "--role", reading_role(connect), "--zip-file", f"fileb://{packed}")  # fmt: skip
    mapping = aws("lambda", "create-event-source-mapping", "--function-name", "reader", "--event-source-arn", arn,
                  "--starting-position", "TRIM_HORIZON", "--batch-size", "10", "--filter-criteria",
                  '{"Filters": [{"Pattern": "{\\"eventName\\": [\\"INSERT\\"]}"}]}')  # fmt: skip
    assert (mapping["BatchSize"], mapping["EventSourceArn"]) == (10, arn)
    for p in ("one", "two"):
        connect("dynamodb").put_item(TableName="fed", Item={"p": {"S": p}})
    [stream] = aws("dynamodbstreams", "list-streams", "--table-name", "fed")["Streams"]
    [shard] = aws("dynamodbstreams", "describe-stream", "--stream-arn", stream["StreamArn"])["StreamDescription"][
        "Shards"
    ]
    iterator = aws("dynamodbstreams", "get-shard-iterator", "--stream-arn", arn, "--shard-id", shard["ShardId"],
                   "--shard-iterator-type", "TRIM_HORIZON", "--query", "ShardIterator")  # fmt: skip
    records = aws("dynamodbstreams", "get-records", "--shard-iterator", iterator)["Records"]
    assert [record["dynamodb"]["NewImage"]["p"]["S"] for record in records] == ["one", "two"]
    deadline = time.monotonic() + 30
    while (lines := printed(connect)) != ["seen one", "seen two"]:
        assert time.monotonic() < deadline, f"the function has printed {lines}"
    ended = aws("lambda", "delete-event-source-mapping", "--uuid", mapping["UUID"])
    assert ended["State"] == "Deleting"


PRINTS = """
def handler(event, context):
    for record in event["Records"]:
        print("seen", record["dynamodb"]["NewImage"]["p"]["S"])
"""


def reading_role(connect) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = connect("iam")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.attach_role_policy(
        RoleName="reader", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaDynamoDBExecutionRole"
    )
    return role


def printed(connect) -> list[str]:
    """What the function has printed, in order."""
    logs = connect("logs")
    try:
        events = logs.filter_log_events(logGroupName="/aws/lambda/reader", filterPattern="seen")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"].strip() for event in events]


def test_what_is_not_there_yet_is_said_by_name(aws):
    with pytest.raises(CommandFailed, match="Pileus does not implement iam:ListServerCertificates yet"):
        aws("iam", "list-server-certificates")


def test_pileus_own_commands(aws, endpoint):
    port = endpoint.rsplit(":", 1)[1]
    done = subprocess.run([sys.executable, "-m", "pileus", "status", "--port", port], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "running" in done.stdout
