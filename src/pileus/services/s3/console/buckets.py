"""The list of buckets; what all pages of one bucket share."""

import msgspec
from msgspec.structs import replace

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Redirect, Visit

A_PAGE = 100
ABSENT = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchCORSConfiguration",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "ObjectLockConfigurationNotFoundError",
        "OwnershipControlsNotFoundError",
    }
)
"""How S3 says that a bucket has no such configuration."""


class Told(msgspec.Struct):
    """One part of a page. refused  why the visitor may not see it"""

    answer: dict = {}
    refused: AwsError | None = None


async def told(visit: Visit, operation: str, request: dict) -> Told:
    """What an operation says, or that it may not: each configuration has a permission of its own."""
    try:
        return Told(await visit.invoke(operation, request))
    except AwsError as error:
        if error.code in ABSENT:
            return Told()
        if error.status != 403:
            raise
        return Told(refused=error)


async def show_all(visit: Visit) -> Page:
    asked: dict = {"MaxBuckets": A_PAGE}
    if visit.query.get("prefix"):
        asked["Prefix"] = visit.query["prefix"]
    if visit.query.get("from"):
        asked["ContinuationToken"] = visit.query["from"]
    answer = await visit.invoke("ListBuckets", asked)
    rows = [
        {"bucket": bucket, "to": replace(visit, region=bucket["BucketRegion"]).url("buckets", bucket["Name"])}
        for bucket in answer["Buckets"]
    ]
    more = answer.get("ContinuationToken", "")
    values = {
        "rows": rows,
        "prefix": visit.query.get("prefix", ""),
        "more": visit.url("buckets", **{"prefix": visit.query.get("prefix"), "from": more}) if more else "",
    }
    return Page("buckets.html", "Buckets", values)


async def create(visit: Visit) -> Redirect:
    """In the region that is visited; us-east-1 alone is never named."""
    name = visit.typed("name")
    asked: dict = {"Bucket": name, "ObjectOwnership": visit.typed("ownership", "BucketOwnerEnforced")}
    if visit.region != "us-east-1":
        asked["CreateBucketConfiguration"] = {"LocationConstraint": visit.region}
    if visit.typed("lock"):
        asked["ObjectLockEnabledForBucket"] = True
    await visit.invoke("CreateBucket", asked)
    return Redirect(visit.url("buckets", name), f"The bucket {name} is there.")


def of(visit: Visit) -> dict:
    """The bucket that the address names, as operations want it."""
    return {"Bucket": visit.labels["bucket"]}


def trail(visit: Visit) -> tuple[tuple[str, str], ...]:
    return (("Buckets", visit.url("buckets")),)
