"""The versions of one object: which there are, which came before, which are too old."""


def versions_of(s3, bucket: str, key: str) -> list[dict]:
    """All versions of exactly this key, the newest first, as S3 lists them. Delete markers are no versions."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
    return [version for page in pages for version in page.get("Versions", []) if version["Key"] == key]


def predecessor(versions: list[dict], version: dict) -> dict | None:
    """The version that `version` replaced, or None for the first."""
    after = versions.index(version) + 1
    return versions[after] if after < len(versions) else None


def prune(s3, bucket: str, key: str, versions: list[dict], keep: int) -> list[str]:
    """Delete all but the newest `keep`; return the deleted ids. Deleting one twice does no harm, so two at once may."""
    old = [version["VersionId"] for version in versions[keep:]]
    for start in range(0, len(old), 1000):  # DeleteObjects takes a thousand
        objects = [{"Key": key, "VersionId": version_id} for version_id in old[start : start + 1000]]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if answer.get("Errors"):
            raise RuntimeError(f"{key}: {answer['Errors'][0]['Code']}: {answer['Errors'][0]['Message']}")
    return old
