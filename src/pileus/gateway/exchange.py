"""What the stages of the pipeline hand on."""

from typing import Any

import msgspec

from pileus.kernel.call import Call
from pileus.kernel.http import HttpRequest, HttpResponse
from pileus.kernel.service import Operation, Service
from pileus.protocol.identify import Identified


class Exchange(msgspec.Struct):
    """A request on its way; each stage fills in its part."""

    request: HttpRequest
    request_id: str
    routed: HttpRequest | None = None
    """The request in path style, its body as its signature covers it."""
    target: Identified | None = None
    service: Service | None = None
    model: Any = None
    operation: Operation | None = None
    call: Call | None = None
    body: bytes = b""
    input: dict | None = None
    result: dict | None = None
    response: HttpResponse | None = None
