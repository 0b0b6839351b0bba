"""Who makes a call: an account's root, a user, a session, a service, or nobody known."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

Kind = Literal["root", "user", "assumed-role", "federated-user", "federated", "service", "anonymous"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Build one with the functions below, which know AWS's spelling of each kind's ARN and unique id.

    kind               "federated-user" is a session of GetFederationToken; "federated" is a caller whom only an
                       identity provider knows, who asks STS for a role
    arn                what GetCallerIdentity answers; of a session the arn:…:sts:… one
    account            "" for services and for the anonymous
    unique_id          AIDA… for users, AROA…:session for role sessions, account:name for federated users
    issuer_arn         whose permissions a session has: the role's ARN, or the user's who federated
    session_policies   documents (JSON text) that a session was given; they only take away
    issued_ms          of a temporary credential; None for a long-term one
    mfa                whether the temporary credential was issued to a caller with a second factor
    transitive_tag_keys  of the session's tags, those that go with it into the next role that it assumes
    """

    kind: Kind
    arn: str = ""
    account: str = ""
    unique_id: str = ""
    issuer_arn: str = ""
    name: str = ""
    session_name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    session_policies: tuple[str, ...] = ()
    access_key_id: str = ""
    service: str = ""
    source_account: str = ""
    source_arn: str = ""
    issued_ms: int | None = None
    expires_ms: int | None = None
    source_identity: str = ""
    mfa: bool = False
    transitive_tag_keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.arn or self.service or "anonymous"

    @property
    def role_arn(self) -> str:
        """The role of a role session, "" for everybody else."""
        return self.issuer_arn if self.kind == "assumed-role" else ""

    @property
    def entity_arn(self) -> str:
        """aws:PrincipalArn: for a role session the role's ARN, else the principal's own."""
        return self.issuer_arn if self.kind == "assumed-role" else self.arn

    @property
    def is_temporary(self) -> bool:
        return self.issued_ms is not None


@lru_cache(maxsize=1024)
def root(account: str, *, partition: str = "aws", access_key_id: str = "") -> Principal:
    return Principal(
        "root", f"arn:{partition}:iam::{account}:root", account, unique_id=account, access_key_id=access_key_id
    )


def user(
    account: str,
    name: str,
    unique_id: str,
    *,
    path: str = "/",
    partition: str = "aws",
    tags: Mapping[str, str] | None = None,
    access_key_id: str = "",
    issued_ms: int | None = None,
    expires_ms: int | None = None,
    mfa: bool = False,
) -> Principal:
    """An IAM user, with a long-term key or (issued_ms given) one of GetSessionToken."""
    return Principal(
        "user",
        f"arn:{partition}:iam::{account}:user{path}{name}",
        account,
        unique_id=unique_id,
        name=name,
        tags=tags or {},
        access_key_id=access_key_id,
        issued_ms=issued_ms,
        expires_ms=expires_ms,
        mfa=mfa,
    )


def role_session(
    role_arn: str,
    role_id: str,
    session_name: str,
    *,
    issued_ms: int = 0,
    expires_ms: int | None = None,
    tags: Mapping[str, str] | None = None,
    session_policies: tuple[str, ...] = (),
    access_key_id: str = "",
    source_identity: str = "",
    mfa: bool = False,
    transitive_tag_keys: tuple[str, ...] = (),
) -> Principal:
    """A session of a role. Its ARN has the role's name without the path, as AWS's has."""
    _, partition, _, _, account, resource = role_arn.split(":", 5)
    role_name = resource.rsplit("/", 1)[1]
    return Principal(
        "assumed-role",
        f"arn:{partition}:sts::{account}:assumed-role/{role_name}/{session_name}",
        account,
        unique_id=f"{role_id}:{session_name}",
        issuer_arn=role_arn,
        name=role_name,
        session_name=session_name,
        tags=tags or {},
        session_policies=session_policies,
        access_key_id=access_key_id,
        issued_ms=issued_ms,
        expires_ms=expires_ms,
        source_identity=source_identity,
        mfa=mfa,
        transitive_tag_keys=transitive_tag_keys,
    )


def federated_user(
    user_arn: str,
    name: str,
    *,
    issued_ms: int = 0,
    expires_ms: int | None = None,
    tags: Mapping[str, str] | None = None,
    session_policies: tuple[str, ...] = (),
    access_key_id: str = "",
) -> Principal:
    """A session of GetFederationToken, called by `user_arn`."""
    _, partition, _, _, account, _ = user_arn.split(":", 5)
    return Principal(
        "federated-user",
        f"arn:{partition}:sts::{account}:federated-user/{name}",
        account,
        unique_id=f"{account}:{name}",
        issuer_arn=user_arn,
        name=name,
        session_name=name,
        tags=tags or {},
        session_policies=session_policies,
        access_key_id=access_key_id,
        issued_ms=issued_ms,
        expires_ms=expires_ms,
    )


def federated(provider: str, subject: str = "") -> Principal:
    """A caller with an identity provider's token: `provider` is its ARN or (for the public ones) its host name."""
    return Principal("federated", provider, name=subject)


def service(name: str, *, source_account: str = "", source_arn: str = "") -> Principal:
    """An AWS service ("s3.amazonaws.com"), acting for a resource of `source_account`."""
    return Principal("service", name, service=name, source_account=source_account, source_arn=source_arn)


def anonymous() -> Principal:
    """A request without a signature."""
    return _ANONYMOUS


_ANONYMOUS = Principal("anonymous")


def canonical_user_id(account: str) -> str:
    """The account's 64-digit id, as bucket owners and `CanonicalUser` principals have it. Ours is a digest."""
    return hashlib.sha256(b"canonical user " + account.encode()).hexdigest()
