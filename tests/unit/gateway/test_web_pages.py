"""What a web page could make a browser send to this machine moves nothing."""

import orjson
import pytest

from pileus.gateway.local import LocalApi
from pileus.kernel.http import Body, HttpRequest


def advance(**headers: str) -> HttpRequest:
    body = orjson.dumps({"advance": "30d"})
    return HttpRequest("POST", "/_pileus/clock", headers={"host": "localhost:4566", **headers}, body=Body(body))


@pytest.mark.parametrize("headers", [{"origin": "https://example.com"}, {"host": "rebound.example.com:4566"}])
async def test_the_clock_is_not_moved_for_a_web_page(cloud, headers):
    before_ms = cloud.clock.now_ms()
    response = await LocalApi(cloud.pileus).handle(advance(**headers))
    assert (response.status, cloud.clock.now_ms()) == (403, before_ms)


@pytest.mark.parametrize("host", ["localhost:4566", "127.0.0.1:4566", "[::1]:4566"])
async def test_the_clock_is_moved_for_a_program(cloud, host):
    before_ms = cloud.clock.now_ms()
    response = await LocalApi(cloud.pileus).handle(advance(host=host))
    assert (response.status, cloud.clock.now_ms() - before_ms) == (200, 30 * 86_400_000)
