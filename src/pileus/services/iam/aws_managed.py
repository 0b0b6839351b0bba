"""The managed policies that AWS provides and Pileus carries; their documents are in aws_managed_documents.py.

Pileus does not know AWS's ids, versions and dates of them: an id is a digest of the name, every policy is at its
first version, and its dates are those of Pileus's own list.
"""

import base64
import hashlib
from functools import cache

import msgspec
import orjson

from pileus.kernel.arn import parse_arn
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.iam.aws_managed_documents import STATEMENTS

LISTED_MS = 1_795_392_000_000
"""2026-11-23, when the list was written."""


class AwsPolicy(msgspec.Struct, frozen=True):
    """Its members are named as those of state.ManagedPolicy."""

    name: str
    path: str
    id: str
    arn: str
    created_ms: int
    updated_ms: int
    document: str
    default_version: int
    description: str = ""
    tags: dict[str, str] = {}


@cache
def _policy(path_and_name: str, partition: str) -> AwsPolicy | None:
    statements = STATEMENTS.get(path_and_name)
    if statements is None:
        return None
    path, _, name = path_and_name.rpartition("/")
    digest = base64.b32encode(hashlib.sha256(path_and_name.encode()).digest()).decode()
    return AwsPolicy(
        name,
        f"{path}/",
        f"ANPA{digest[:17]}",
        f"arn:{partition}:iam::aws:policy{path_and_name}",
        LISTED_MS,
        LISTED_MS,
        orjson.dumps({"Version": "2012-10-17", "Statement": statements}).decode(),
        1,
    )


def find(arn: str) -> AwsPolicy:
    """The policy of an ARN whose account is "aws". Raises NotImplementedByUs: it may exist at AWS and not here."""
    parsed = parse_arn(arn)
    policy = _policy(parsed.resource.removeprefix("policy"), parsed.partition)
    if policy is None:
        raise NotImplementedByUs(f"the AWS managed policy {arn}")
    return policy


def every(partition: str) -> list[AwsPolicy]:
    """All that we carry, by ARN."""
    return [_policy(name, partition) for name in sorted(STATEMENTS)]
