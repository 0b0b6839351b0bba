"""The managed policies that AWS provides, as AWS documents them.

`managed_policies.json` has one policy a line: path and name, then its id, default version, dates and document. It is
read when somebody first names one. Source: AWS Managed Policy Reference Guide, March 2026; only the default versions.
"""

from datetime import datetime
from functools import cache
from importlib.resources import files

import msgspec

from pileus.kernel.arn import parse_arn
from pileus.kernel.errors import NotImplementedByUs


class _Line(msgspec.Struct):
    """`document` stays text until it is asked for: the file is half a megabyte, and a deployment names three."""

    id: str
    version: int
    created: datetime
    updated: datetime
    document: msgspec.Raw


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
def _lines() -> dict[str, _Line]:
    text = files(__package__).joinpath("managed_policies.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, _Line])


@cache
def _policy(path_and_name: str, partition: str) -> AwsPolicy | None:
    line = _lines().get(path_and_name)
    if line is None:
        return None
    path, _, name = path_and_name.rpartition("/")
    return AwsPolicy(
        name,
        f"{path}/",
        line.id,
        f"arn:{partition}:iam::aws:policy{path_and_name}",
        int(line.created.timestamp() * 1000),
        int(line.updated.timestamp() * 1000),
        bytes(line.document).decode(),
        line.version,
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
    return [_policy(name, partition) for name in _lines()]
