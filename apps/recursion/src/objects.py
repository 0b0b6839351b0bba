"""Objects as a function finds them: perhaps gone already, perhaps overwritten while it works."""

import boto3
from numbering import number_lines

s3 = boto3.client("s3")


def find(bucket: str, key: str) -> dict | None:
    """GetObject's answer with its body yet unread, or None if the object was deleted before we came."""
    try:
        return s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None


def process(found: dict, bucket: str, key: str) -> str:
    """Write what the lines of `found` become to a place that invokes nobody: "processed"."""
    body = number_lines(found["Body"].read())
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=found["ContentType"], Metadata=found["Metadata"])
    return "processed"


def process_in_place(found: dict, bucket: str, key: str, metadata: dict[str, str]) -> str:
    """Replace exactly the object that was found: "processed", or "overtaken".

    Who overwrote it meanwhile has an event of his own, and what was deleted must not come back.
    """
    body = number_lines(found["Body"].read())
    kept = {"ContentType": found["ContentType"], "Metadata": metadata}
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, IfMatch=found["ETag"], **kept)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "NoSuchKey"):
            return "overtaken"
        raise
    return "processed"
