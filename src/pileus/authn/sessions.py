"""Temporary credentials: an access key, its secret, and the token that carries the session itself."""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from pileus.authn.refusals import Dialect, refusal
from pileus.authn.tokens import InvalidToken, seal, unseal
from pileus.kernel.access_keys import TEMPORARY, new_access_key_id
from pileus.kernel.ids import Ids
from pileus.kernel.principal import Principal

_SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Credentials(NamedTuple):
    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_ms: int


class Session(NamedTuple):
    """What a token holds."""

    principal: Principal
    secret_access_key: str


def issue(ids: Ids, key: bytes, principal: Principal) -> Credentials:
    """Credentials for `principal`, whose `issued_ms` and `expires_ms` are set; `key` is the store's sealing key."""
    assert principal.issued_ms is not None
    assert principal.expires_ms is not None
    access_key_id = new_access_key_id(ids, TEMPORARY, principal.account)
    secret = ids.token(40, _SECRET_ALPHABET)
    session = Session(replace(principal, access_key_id=access_key_id), secret)
    return Credentials(access_key_id, secret, seal(_packed(session), key, ids), principal.expires_ms)


def open_session(token: str, key: bytes, access_key_id: str, now_ms: int, dialect: Dialect) -> Session:
    """The session of a token that came with `access_key_id`.

    errors   InvalidClientTokenId (JSON: UnrecognizedClientException, S3: InvalidToken), ExpiredToken
    """
    try:
        session = _opened(token, key)
    except InvalidToken:
        raise refusal(dialect, "invalid token") from None
    principal = session.principal
    if principal.access_key_id != access_key_id:
        raise refusal(dialect, "invalid token")
    if now_ms >= principal.expires_ms:
        raise refusal(dialect, "expired token")
    return session


@lru_cache(maxsize=2048)
def _opened(token: str, key: bytes) -> Session:
    return _unpacked(unseal(token, key))


def _packed(session: Session) -> list:
    p = session.principal
    return [
        p.kind,
        p.arn,
        p.account,
        p.unique_id,
        p.issuer_arn,
        p.name,
        p.session_name,
        dict(p.tags),
        p.session_policies,
        p.access_key_id,
        p.issued_ms,
        p.expires_ms,
        p.source_identity,
        p.mfa,
        session.secret_access_key,
        p.transitive_tag_keys,
    ]


def _unpacked(content: list) -> Session:
    kind, arn, account, unique_id, issuer_arn, name, session_name, tags, policies, *rest = content
    access_key_id, issued_ms, expires_ms, source_identity, mfa, secret, transitive = rest
    principal = Principal(
        kind,
        arn,
        account,
        unique_id=unique_id,
        issuer_arn=issuer_arn,
        name=name,
        session_name=session_name,
        tags=tags,
        session_policies=tuple(policies),
        access_key_id=access_key_id,
        issued_ms=issued_ms,
        expires_ms=expires_ms,
        source_identity=source_identity,
        mfa=mfa,
        transitive_tag_keys=tuple(transitive),
    )
    return Session(principal, secret)
