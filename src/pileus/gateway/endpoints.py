"""Host names: which of them carry part of a path, and which name a region.

A service whose hosts carry part of the path (a bucket, an API's id) says so with `Service.host`; everything behind the
gateway's first stage sees path style only. The signature is checked on the request as it came.
"""

import re
from collections.abc import Callable, Iterable

from pileus.kernel.http import HttpRequest

Rewrite = Callable[[HttpRequest], HttpRequest | None]

_REGION = re.compile(r"\b(?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-[a-z]+)+-\d\b")


def path_style(rewrites: Iterable[Rewrite], request: HttpRequest) -> HttpRequest:
    """The request as it would be with the plain host, by the first service that knows this host."""
    if request.host.startswith(("localhost", "127.0.0.1", "[::1]")):
        return request
    for rewrite in rewrites:
        rewritten = rewrite(request)
        if rewritten is not None:
            return rewritten
    return request


def region_of_host(host: str) -> str | None:
    """The region that a host like sqs.eu-west-1.localhost.localstack.cloud names."""
    found = _REGION.search(host)
    return found.group(0) if found else None
