"""Access keys of users and of the account's root."""

import base64

from msgspec.structs import replace

from pileus.kernel.access_keys import LONG_TERM, new_access_key_id
from pileus.services.iam import state
from pileus.services.iam.errors import NoSuchEntity, quota_exceeded
from pileus.store.transaction import Transaction

SECRET_BYTES = 30
"""40 characters of base64."""


def create(tx: Transaction, account: str, user: str) -> state.AccessKey:
    """user  "" for the account's root"""
    if user:
        state.require(tx, "user", account, user)
    if len(state.keys_of(tx, account, user)) >= state.ACCESS_KEYS_PER_USER:
        raise quota_exceeded("AccessKeysPerUser", state.ACCESS_KEYS_PER_USER)
    secret = base64.b64encode(tx.ids.bytes(SECRET_BYTES)).decode()
    key = state.AccessKey(new_access_key_id(tx.ids, LONG_TERM, account), account, user, secret, tx.now_ms)
    state.ACCESS_KEYS.insert(tx, key)
    return key


def require_key(tx: Transaction, account: str, user: str, key_id: str) -> state.AccessKey:
    if user:
        state.require(tx, "user", account, user)
    key = state.ACCESS_KEYS.get(tx, key_id)
    if key is None or key.account != account or key.user != user:
        raise NoSuchEntity(f"The Access Key with id {key_id} cannot be found.")
    return key


def set_active(tx: Transaction, account: str, user: str, key_id: str, is_active: bool) -> None:
    key = require_key(tx, account, user, key_id)
    state.ACCESS_KEYS.put(tx, replace(key, is_active=is_active))


def delete(tx: Transaction, account: str, user: str, key_id: str) -> None:
    require_key(tx, account, user, key_id)
    state.ACCESS_KEYS.delete(tx, key_id)
    state.KEY_USES.delete(tx, key_id)


def note_uses(tx: Transaction, uses: list[state.KeyUse]) -> None:
    for use in uses:
        if state.ACCESS_KEYS.has(tx, use.id):  # it may have been deleted meanwhile
            state.KEY_USES.put(tx, use)


def of_account(tx: Transaction, account: str, key_id: str) -> state.AccessKey:
    """A key whosever it is within the account."""
    key = state.ACCESS_KEYS.get(tx, key_id)
    if key is None or key.account != account:
        raise NoSuchEntity(f"The Access Key with id {key_id} cannot be found.")
    return key
