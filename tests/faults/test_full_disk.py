"""A disk that runs full: writes are refused with an error of AWS's, reads go on, and with room again all goes on.

On a file system of its own, which takes root to mount; without it these tests skip and say so.
"""

import os
import subprocess
import time
import warnings
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.faults.server import Server

DISK_MIB = 96
ANSWERS_S = 15


@pytest.fixture
def disk(tmp_path: Path):
    """A folder on a small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "pileus-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        warnings.warn("the full disk is NOT tested: mounting a small one takes root", stacklevel=1)
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def server(disk: Path):
    server = Server(disk / "data")
    server.start()
    yield server
    server.stop()


def fill(disk: Path) -> Path:
    """A file that takes all the room that there is."""
    ballast = disk / "ballast"
    with open(ballast, "ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return ballast


def refused(call, **members) -> ClientError | None:
    """The error of a call that must not be answered with success unless it can be kept; None where it was."""
    try:
        call(**members)
    except ClientError as error:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        assert (status, code) in ((503, "ServiceUnavailable"), (503, "SlowDown"), (500, "InternalError")), error
        return error
    return None


def wait_until_taken(call, **members):
    """Its answer, as soon as writes are taken again."""
    deadline = time.monotonic() + ANSWERS_S
    while True:
        try:
            return call(**members)
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503, error
            assert time.monotonic() < deadline, f"writes are still refused with room on the disk: {error}"
            time.sleep(0.1)


def test_a_full_disk_refuses_writes_and_goes_on_reading(server, disk):
    s3, sqs = server.client("s3"), server.client("sqs")
    s3.create_bucket(Bucket="kept")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    objects = {f"before/{n}": os.urandom(size) for n, size in enumerate((10, 5_000, 300_000, 2_000_000))}
    for key, body in objects.items():
        s3.put_object(Bucket="kept", Key=key, Body=body)
    sent = {"before"}
    sqs.send_message(QueueUrl=url, MessageBody="before")

    ballast = fill(disk)
    # Small writes may still find room in what the log has taken already; a large one can't.
    errors = [refused(s3.put_object, Bucket="kept", Key="large", Body=bytes(3_000_000))]
    assert errors[0] is not None, "an object larger than the disk's room was acknowledged"
    assert errors[0].response["ResponseMetadata"]["HTTPStatusCode"] == 503
    for n in range(300):
        body = f"{n}:" + "x" * 60_000
        error = refused(sqs.send_message, QueueUrl=url, MessageBody=body)
        if error is None:
            sent.add(body)
        else:
            errors.append(error)
            break
    assert len(errors) == 2, "messages were acknowledged beyond the disk's room"
    assert errors[1].response["Error"]["Code"] == "ServiceUnavailable"

    # Reads go on, of what is there and of nothing else.
    for key, body in objects.items():
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == body
    listed = {item["Key"] for item in s3.list_objects_v2(Bucket="kept")["Contents"]}
    assert listed == set(objects)
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    assert server.ask("health")["status"] == "running"

    ballast.unlink()
    wait_until_taken(sqs.send_message, QueueUrl=url, MessageBody="after")
    sent.add("after")
    wait_until_taken(s3.put_object, Bucket="kept", Key="after", Body=bytes(3_000_000))
    objects["after"] = bytes(3_000_000)
    check(server, url, objects, set())
    server.kill()
    server.start()
    check(server, url, objects, sent)


def test_a_server_killed_on_a_full_disk_starts_again_with_everything(server, disk):
    s3, sqs = server.client("s3"), server.client("sqs")
    s3.create_bucket(Bucket="kept")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    ballast = fill(disk)
    objects: dict[str, bytes] = {}
    for n in range(300):
        body = os.urandom(50_000)
        if refused(s3.put_object, Bucket="kept", Key=f"o/{n}", Body=body) is not None:
            break
        objects[f"o/{n}"] = body
    else:
        raise AssertionError("objects were acknowledged beyond the disk's room")
    server.kill()
    ballast.unlink()
    server.start()
    check(server, url, objects, set())
    s3.put_object(Bucket="kept", Key="after", Body=b"x")


def test_a_disk_filled_by_the_objects_themselves(server, disk):
    """Large bodies are files: the one that finds no room leaves nothing, and deleting others makes room."""
    s3 = server.client("s3")
    s3.create_bucket(Bucket="kept")
    objects: dict[str, bytes] = {}
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(8 << 20))  # what deletions need to be written, given back before them
    for n in range(100):
        body = os.urandom(4_000_000)
        if refused(s3.put_object, Bucket="kept", Key=f"o/{n}", Body=body) is not None:
            break
        objects[f"o/{n}"] = body
    else:
        raise AssertionError("objects were acknowledged beyond the disk's room")
    assert len(objects) > 3
    assert {item["Key"] for item in s3.list_objects_v2(Bucket="kept")["Contents"]} == set(objects)
    ballast.unlink()
    gone = sorted(objects)[:4]
    for key in gone:
        wait_until_taken(s3.delete_object, Bucket="kept", Key=key)
        del objects[key]
    for n in range(3):
        body = os.urandom(4_000_000)
        wait_until_taken(s3.put_object, Bucket="kept", Key=f"again/{n}", Body=body)
        objects[f"again/{n}"] = body
    for key, body in objects.items():
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == body


def check(server: Server, url: str, objects: dict[str, bytes], sent: set[str]) -> None:
    s3, sqs = server.client("s3"), server.client("sqs")
    for key, body in objects.items():
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == body, f"{key} is another"
    missing, deadline = set(sent), time.monotonic() + ANSWERS_S
    while missing:
        assert time.monotonic() < deadline, f"{len(missing)} messages are lost"
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            missing.discard(message["Body"])
