"""A user's access keys: two at most, of which each secret is told once."""

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.iam.console.kinds import all_of, back, named, page


async def show(visit: Visit) -> Page:
    return await _page(visit)


async def create(visit: Visit) -> Page:
    """It stays on the page: only the answer may hold the secret, and no address."""
    made = (await visit.invoke("CreateAccessKey", named(visit)))["AccessKey"]
    return await _page(visit, made)


async def _page(visit: Visit, made: dict | None = None) -> Page:
    keys = await all_of(visit, "ListAccessKeys", "AccessKeyMetadata", named(visit))
    rows = [{"key": key, "used": await _last_used(visit, key)} for key in keys]
    return page(visit, "access_keys.html", {"rows": rows, "made": made, "here": "keys"})


async def _last_used(visit: Visit, key: dict) -> dict:
    """Of a key that the visitor may not ask about, why not."""
    try:
        answer = await visit.invoke("GetAccessKeyLastUsed", {"AccessKeyId": key["AccessKeyId"]})
    except AwsError as error:
        return {"ServiceName": error.code}
    return answer["AccessKeyLastUsed"]


async def set_status(visit: Visit) -> Redirect:
    key, status = visit.typed("key"), visit.typed("status")
    await visit.invoke("UpdateAccessKey", named(visit, AccessKeyId=key, Status=status))
    return back(visit, f"The access key {key} is {status.lower()}.", "keys")


async def delete(visit: Visit) -> Redirect:
    key = visit.typed("key")
    visit.must_be(key)
    await visit.invoke("DeleteAccessKey", named(visit, AccessKeyId=key))
    return back(visit, f"The access key {key} is deleted.", "keys")
