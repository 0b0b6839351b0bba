"""What browsers send to S3 that is no operation of its model: preflights and forms."""

from collections.abc import Callable

from pileus.kernel.call import Call
from pileus.kernel.http import HttpResponse
from pileus.services.s3 import cors


async def beyond_model(call: Call, key_holder: Callable) -> HttpResponse | None:
    """None for what S3 does not know either."""
    if call.http.method == "OPTIONS":
        return await cors.preflight(call)
    return None
