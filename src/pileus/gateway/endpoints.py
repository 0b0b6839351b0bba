"""Host names that say something: which region."""

import re

_REGION = re.compile(r"\b(?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-[a-z]+)+-\d\b")


def region_of_host(host: str) -> str | None:
    """The region that a host like sqs.eu-west-1.localhost.localstack.cloud names."""
    found = _REGION.search(host)
    return found.group(0) if found else None
