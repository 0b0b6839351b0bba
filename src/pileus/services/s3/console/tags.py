"""Tags of buckets and objects. S3 takes all of them at once or none."""

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Visit


async def put(visit: Visit, kind: str, named: dict, key: str, value: str | None) -> None:
    """Set one tag, or (None) take it away.

    kind   Bucket or Object
    named  Bucket, Key, VersionId: whose it is
    """
    # System tags stay, whoever replaces the others.
    tags = [tag for tag in await _present(visit, kind, named) if tag["Key"] != key and not _is_of_aws(tag["Key"])]
    if value is not None:
        tags.append({"Key": key, "Value": value})
    if tags:
        await visit.invoke(f"Put{kind}Tagging", {**named, "Tagging": {"TagSet": tags}})
    else:
        await visit.invoke(f"Delete{kind}Tagging", named)


async def _present(visit: Visit, kind: str, named: dict) -> list[dict]:
    try:
        return (await visit.invoke(f"Get{kind}Tagging", named))["TagSet"]
    except AwsError as error:
        if error.code != "NoSuchTagSet":
            raise
        return []


def _is_of_aws(key: str) -> bool:
    return key.lower().startswith("aws:")
