"""Ids of access keys, which carry the number of their account, as AWS's do.

Behind the four letters (AKIA long-term, ASIA temporary) come 80 bits in base32: a one, 40 bits of the account's number,
39 random ones. Source: the layout that security researchers found in AWS's ids; for the letters IAM user guide, "IAM
identifiers". What it is for: STS can tell the account of a key without knowing the key.
"""

import base64
import re

from pileus.kernel.ids import Ids

LONG_TERM, TEMPORARY = "AKIA", "ASIA"
_ID = re.compile(r"(?:AKIA|ASIA)([A-Z2-7]{16})")
_RANDOM_BITS = 39
_ACCOUNT_BITS = 40


def new_access_key_id(ids: Ids, prefix: str, account: str) -> str:
    random = int.from_bytes(ids.bytes(5)) >> 1
    bits = (1 << _ACCOUNT_BITS | int(account)) << _RANDOM_BITS | random
    return prefix + base64.b32encode(bits.to_bytes(10)).decode()


def account_of(access_key_id: str) -> str | None:
    """The account's number, or None where the id carries none."""
    found = _ID.fullmatch(access_key_id)
    if found is None:
        return None
    bits = int.from_bytes(base64.b32decode(found[1])) >> _RANDOM_BITS
    account = bits & ((1 << _ACCOUNT_BITS) - 1)
    return f"{account:012d}" if bits >> _ACCOUNT_BITS and account < 10**12 else None
