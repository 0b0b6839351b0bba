"""Session tokens: all that a session is, sealed with a key that the store keeps, so that verifying needs no lookup.

A token is base64 of a nonce and an AES-256-GCM ciphertext of a JSON array. It is opaque to its holder and can't be
changed; it ends with its expiry, and earlier only when its role is deleted or its policies say so, as at AWS.
"""

import base64
import binascii
import zlib
from functools import lru_cache

import orjson

from pileus.kernel.ids import Ids

KEY_BYTES = 32
_NONCE_BYTES = 12
_PURPOSE = b"pileus session token 1"
_PREFIX = "IQoJb3JpZ2luX2Vj"
"""How AWS's own tokens begin; some tools tell them by it."""


class InvalidToken(Exception):
    """Not ours, or changed, or sealed with another key."""


@lru_cache(maxsize=8)
def _cipher(key: bytes):
    # Imported at first use: `cryptography` takes 20 ms that a start without sessions need not pay.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def seal(content: list, key: bytes, ids: Ids) -> str:
    """`content` is plain JSON values. Compressed: session policies are long and repetitive."""
    nonce = ids.bytes(_NONCE_BYTES)
    sealed = _cipher(key).encrypt(nonce, zlib.compress(orjson.dumps(content)), _PURPOSE)
    return _PREFIX + base64.b64encode(nonce + sealed).decode()


def unseal(token: str, key: bytes) -> list:
    """Raises InvalidToken."""
    from cryptography.exceptions import InvalidTag

    if not token.startswith(_PREFIX):
        raise InvalidToken
    try:
        raw = base64.b64decode(token[len(_PREFIX) :], validate=True)
        plain = _cipher(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _PURPOSE)
    except (binascii.Error, InvalidTag, ValueError):
        raise InvalidToken from None
    return orjson.loads(zlib.decompress(plain))
