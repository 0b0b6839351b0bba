"""Preflights of browsers, and looks at whether DynamoDB is well."""

from dataclasses import replace

import pytest

from pileus.kernel.http import Body, HttpRequest, HttpResponse

HOST = "dynamodb.us-east-1.localhost:4566"
HERE = "http://localhost:3000"
ASKED = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, content-type, X-Amz-Target",
}


@pytest.fixture
def send(cloud):
    async def sent(method: str, path: str = "/", *, host: str = HOST, **headers: str) -> tuple[HttpResponse, dict]:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = HttpRequest(method, path, "", {"host": host, **headers}, Body(b"{}"))
        response = await cloud.pileus.gateway.handle(request)
        return response, {name.lower(): value for name, value in response.headers}

    return sent


def cors_of(headers: dict) -> dict:
    return {name: value for name, value in headers.items() if name.startswith("access-control-")}


async def test_it_is_well(send):
    response, headers = await send("GET")
    assert (response.status, response.body) == (200, f"healthy: {HOST} \n".encode())
    assert cors_of(headers) == {}
    assert (await send("GET", "/abc"))[0].status == 400
    assert (await send("GET", host="localhost:4566"))[0].status == 403  # S3's ListBuckets of nobody


@pytest.mark.parametrize("host", [HOST, "localhost:4566"])
@pytest.mark.parametrize("origin", [HERE, "http://127.0.0.1:8080", "http://[::1]", "https://app.localhost"])
async def test_a_page_of_this_machine_may_send_anything(send, host, origin):
    response, headers = await send("OPTIONS", host=host, origin=origin, **ASKED)
    assert response.status == 200
    assert cors_of(headers) == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date",
        "access-control-max-age": "172800",
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization, content-type, X-Amz-Target",
    }


async def test_a_page_reads_answers_and_refusals(send):
    _, headers = await send("POST", x_amz_target="DynamoDB_20120810.ListTables", origin=HERE)
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-max-age" not in headers


@pytest.mark.parametrize("origin", ["https://example.com", "https://localhost.example.com", "null", "http://[", ""])
async def test_a_page_of_elsewhere_is_told_nothing_where_keys_are_no_secret(send, cloud, origin):
    assert cors_of((await send("OPTIONS", origin=origin, **ASKED))[1]) == {}
    assert cors_of((await send("POST", x_amz_target="DynamoDB_20120810.ListTables", origin=origin))[1]) == {}


async def test_a_page_of_elsewhere_may_call_where_keys_are_secret(send, cloud, monkeypatch):
    monkeypatch.setattr(cloud.pileus, "settings", replace(cloud.pileus.settings, auth="strict"))
    _, headers = await send("OPTIONS", origin="https://example.com", **ASKED)
    assert headers["access-control-allow-origin"] == "*"


async def test_who_sends_no_origin_is_no_browser(send):
    assert cors_of((await send("OPTIONS", **ASKED))[1]) == {}


async def test_other_preflights_are_s3s(send):
    asked = {"access-control-request-method": "PUT", "access-control-request-headers": "x-amz-date"}
    response, _ = await send("OPTIONS", host="localhost:4566", origin=HERE, **asked)
    assert b"CORS" in response.body
    response, _ = await send("OPTIONS", "/bucket/key", host="localhost:4566", origin=HERE, **ASKED)
    assert b"Bucket not found" in response.body
