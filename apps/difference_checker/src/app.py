"""The function: for every uploaded version, log how it differs from the one before, then drop what is too old."""

import json
import os
from urllib.parse import unquote_plus

import boto3
from differences import compare
from versions import predecessor, prune, versions_of

s3 = boto3.client("s3")
KEEP_VERSIONS = int(os.environ.get("KEEP_VERSIONS", "3"))


def handler(event, context):
    """Handle the records of one S3 notification. Raises if any failed, so that Lambda tries the event again."""
    failures = []
    for record in event.get("Records", []):
        try:
            check(record["s3"])
        except Exception as error:  # one bad document must not hide the others
            print(json.dumps({"event": "failed", "error": f"{type(error).__name__}: {error}"}))
            failures.append(error)
    if failures:
        raise failures[0]


def check(notice: dict) -> None:
    """Compare the version that the notice is about, whatever has been uploaded since, with its predecessor."""
    bucket = notice["bucket"]["name"]
    key = unquote_plus(notice["object"]["key"])
    version_id = notice["object"].get("versionId")
    versions = versions_of(s3, bucket, key)
    current = next((version for version in versions if version["VersionId"] == version_id), None)
    if current is None:
        say("gone", key, current=version_id)
        return
    new = read(bucket, key, current["VersionId"])
    if new is None:
        say("gone", key, current=version_id)
        return
    old, previous = None, predecessor(versions, current)
    while previous is not None and (old := read(bucket, key, previous["VersionId"])) is None:
        previous = predecessor(versions, previous)  # somebody deleted it meanwhile
    if previous is None:
        say("first", key, current=version_id, bytes=len(new))
    else:
        say("difference", key, previous=previous["VersionId"], current=version_id, **compare(key, old, new))
    for dropped in prune(s3, bucket, key, versions, KEEP_VERSIONS):
        say("dropped", key, version=dropped)


def read(bucket: str, key: str, version_id: str) -> bytes | None:
    """The bytes of a version, or None if it is not there any more."""
    try:
        return s3.get_object(Bucket=bucket, Key=key, VersionId=version_id)["Body"].read()
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion"):
            return None
        raise


def say(event: str, key: str, **details: object) -> None:
    """One line of JSON in the log, for people and for metric filters alike."""
    print(json.dumps({"event": event, "key": key, **details}, ensure_ascii=False))
