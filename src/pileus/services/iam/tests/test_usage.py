"""When a key was last used, from signed requests on."""

import asyncio

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pileus.kernel.http import Body, HttpRequest
from pileus.services.iam import state
from pileus.services.iam.usage import WRITE_EVERY_MS

BODY = b"Action=GetCallerIdentity&Version=2011-06-15"


async def signed_call(cloud, key: dict, secret: str | None = None) -> int:
    """GetCallerIdentity over HTTP, signed with the key; returns the status."""
    request = AWSRequest("POST", "http://localhost:4566/", data=BODY)
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    request.headers["Host"] = "localhost:4566"
    credentials = Credentials(key["AccessKeyId"], secret or key["SecretAccessKey"])
    SigV4Auth(credentials, "sts", "eu-central-1").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    response = await cloud.pileus.gateway.handle(HttpRequest("POST", "/", headers=headers, body=Body(BODY)))
    return response.status


async def last_used(cloud, key: dict) -> dict:
    answer = await cloud.iam.GetAccessKeyLastUsed(AccessKeyId=key["AccessKeyId"])
    assert answer["UserName"] == "ann"
    return answer["AccessKeyLastUsed"]


async def test_a_signed_request_is_a_use_and_a_wrongly_signed_one_is_not(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    key = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]
    never = {"ServiceName": "N/A", "Region": "N/A"}
    assert await last_used(cloud, key) == never
    assert await signed_call(cloud, key, "wrong") == 403
    assert await last_used(cloud, key) == never
    cloud.clock.advance(ms=5_000)
    assert await signed_call(cloud, key) == 200
    used = await last_used(cloud, key)
    assert (used["ServiceName"], used["Region"]) == ("sts", "eu-central-1")
    assert used["LastUsedDate"].timestamp() * 1000 == cloud.at(5_000)


async def test_uses_are_written_down_after_a_while(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    key = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]
    await signed_call(cloud, key)
    assert cloud.store.look(state.KEY_USES.get, key["AccessKeyId"])[0] is None
    usage = cloud.pileus.engines["iam"]
    await cloud.advance(WRITE_EVERY_MS)
    for _ in range(10):  # the task's steps: it wakes, and writes
        await asyncio.sleep(0)
    assert cloud.store.look(state.KEY_USES.get, key["AccessKeyId"])[0].service == "sts"
    assert usage.last(key["AccessKeyId"]) is None
    assert (await last_used(cloud, key))["ServiceName"] == "sts"
    await cloud.iam.DeleteAccessKey(UserName="ann", AccessKeyId=key["AccessKeyId"])
    assert cloud.store.look(state.KEY_USES.get, key["AccessKeyId"])[0] is None
