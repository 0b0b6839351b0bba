"""Access keys: long-term credentials of users and of the root."""

from pileus.kernel.call import Call
from pileus.services.iam import state
from pileus.services.iam.caller import user_name
from pileus.services.iam.paging import after_key, page
from pileus.services.iam.shapes import key_out, moment
from pileus.services.iam.transitions import access_keys
from pileus.store.transaction import Transaction


async def create_access_key(call: Call, request: dict) -> dict:
    """Make a key for a user. Its secret is told here and never again.

    errors   NoSuchEntity, LimitExceeded beyond two keys
    source   IAM API reference, CreateAccessKey
    """
    key = await call.write(access_keys.create, call.account, user_name(call, request))
    return {"AccessKey": {"UserName": key.user or "root"} | key_out(key) | {"SecretAccessKey": key.secret}}


async def delete_access_key(call: Call, request: dict) -> None:
    """Delete a key: requests signed with it are refused from the next one on. errors  NoSuchEntity"""
    await call.write(access_keys.delete, call.account, user_name(call, request), request["AccessKeyId"])


async def get_access_key_last_used(call: Call, request: dict) -> dict:
    """When, for which service and where a key was last used; "N/A" for one that never was. errors  NoSuchEntity"""
    key = await call.read(access_keys.of_account, call.account, request["AccessKeyId"])
    last = call.cloud.engines["iam"].last(key.id) or await call.read(state.KEY_USES.get, key.id)
    if last is None:
        used = {"ServiceName": "N/A", "Region": "N/A"}
    else:
        used = {"LastUsedDate": moment(last.at_ms), "ServiceName": last.service, "Region": last.region}
    return ({"UserName": key.user} if key.user else {}) | {"AccessKeyLastUsed": used}


async def list_access_keys(call: Call, request: dict) -> dict:
    """A user's keys, without secrets. errors  NoSuchEntity"""
    name = user_name(call, request)

    def rows(tx: Transaction, after: str | None):
        if name:
            state.require(tx, "user", call.account, name)
        return after_key(state.keys_of(tx, call.account, name), after, lambda key: key.id)

    keys, rest = await page(call, request, rows, key=lambda key: key.id, out=lambda tx, key: key_out(key))
    return {"AccessKeyMetadata": keys} | rest


async def update_access_key(call: Call, request: dict) -> None:
    """Switch a key off or on again. errors  NoSuchEntity"""
    await call.write(
        access_keys.set_active,
        call.account,
        user_name(call, request),
        request["AccessKeyId"],
        request["Status"] == "Active",
    )
