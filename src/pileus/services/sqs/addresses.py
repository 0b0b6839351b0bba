"""Queue URLs and ARNs: the two ways to name a queue, and what both mean.

A URL's host says nothing: SDKs and templates carry `localhost:4566`, `sqs.us-east-1.localhost.localstack.cloud`,
`queue.amazonaws.com` and others for the same queue. Its path does: /<account>/<name>, and the older forms
/queue/<name>, /queue/<account>/<name> and /queue/<region>/<account>/<name>. A bare name is the caller's own queue.
"""

from functools import lru_cache
from typing import NamedTuple

from pileus.kernel.arn import parse_arn, partition_of
from pileus.kernel.call import Call
from pileus.services.sqs.errors import InvalidAddress


class Address(NamedTuple):
    """Which queue, wherever it may be."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.region)}:sqs:{self.region}:{self.account}:{self.name}"


def of_url(call: Call, url: str) -> Address:
    """The queue that a QueueUrl means. Raises InvalidAddress."""
    return _of_url(url, call.account, call.region)


@lru_cache(maxsize=4096)
def _of_url(url: str, account: str, region: str) -> Address:
    if url and "/" not in url and ":" not in url:
        return Address(account, region, url)
    _, scheme, rest = url.partition("://")
    path = (rest if scheme else url).rstrip("/").split("/")[1:]
    is_older = bool(path) and path[0] == "queue" and len(path) > 1
    if is_older:
        path = path[1:]
    if len(path) == 2 and _is_account(path[0]):
        return Address(path[0], region, path[1])
    if is_older and len(path) == 1:
        return Address(account, region, path[0])
    if is_older and len(path) == 3 and _is_account(path[1]):
        return Address(path[1], path[0], path[2])
    raise InvalidAddress(url)


def url_of(call: Call, address: Address) -> str:
    return f"{call.endpoint}/{address.account}/{address.name}"


@lru_cache(maxsize=4096)
def of_arn(text: str) -> Address | None:
    """The queue that an ARN means, or None if it is no queue's."""
    arn = parse_arn(text)
    if arn is None or arn.service != "sqs" or not _is_account(arn.account) or not arn.region or not arn.resource:
        return None
    return Address(arn.account, arn.region, arn.resource)


def _is_account(text: str) -> bool:
    return len(text) == 12 and text.isdigit()
