"""Policy documents as IAM takes and gives them: checked, counted, encoded."""

import re
from urllib.parse import quote

from pileus.authz.policy import MalformedPolicyDocument, parse
from pileus.kernel.arn import parse_arn
from pileus.services.iam import state
from pileus.services.iam.errors import LimitExceeded, quota_exceeded
from pileus.store.transaction import Transaction

_WHITE_SPACE = re.compile(r"\s+")
_NAMED = ("user", "role")
_OF_UNIQUE_ID = {"AIDA": state.USERS, "AROA": state.ROLES}
"""Who has a unique id that begins so. Source: IAM user guide, "IAM identifiers", "Unique ID prefixes"."""


def characters(document: str) -> int:
    """What a quota counts: IAM leaves white space out."""
    return len(_WHITE_SPACE.sub("", document))


def encoded(document: str) -> str:
    """As IAM's answers carry documents: "URL-encoded compliant with RFC 3986"."""
    return quote(document, safe="")


def check_permissions(document: str) -> None:
    """Raises MalformedPolicyDocument."""
    parse(document, "identity")


def check_managed(document: str) -> None:
    check_permissions(document)
    if characters(document) > state.POLICY_CHARACTERS:
        raise quota_exceeded("PolicySize", state.POLICY_CHARACTERS)


def check_inline(kind: str, owner: state.Identity, policy_name: str, document: str) -> None:
    """The quota is on all inline policies of the owner together."""
    others = sum(characters(text) for name, text in owner.inline.items() if name != policy_name)
    limit = state.INLINE_CHARACTERS[kind]
    if others + characters(document) > limit:
        raise LimitExceeded(f"Maximum policy size of {limit} bytes exceeded for {kind} {owner.name}")


def check_trust(tx: Transaction, document: str) -> None:
    """A role's trust policy: well formed, not too long, and the users and roles it names exist.

    Source: IAM user guide, "AWS JSON policy elements: Principal": a policy that names a principal that does not exist
    can't be saved.
    """
    policy = parse(document, "trust")
    if characters(document) > state.TRUST_POLICY_CHARACTERS:
        raise quota_exceeded("ACLSizePerRole", state.TRUST_POLICY_CHARACTERS)
    for name in strangers(tx, policy.named()):
        raise MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{name}"')


def strangers(tx: Transaction, names: list[str]) -> list[str]:
    """Those that are no user or role: a policy that names them can't be saved. Sessions are not looked up."""
    return [name for name in names if not _exists(tx, name)]


def _exists(tx: Transaction, principal: str) -> bool:
    arn = parse_arn(principal)
    if arn is None:
        table = _OF_UNIQUE_ID.get(principal[:4])
        return table is not None and any(record.id == principal for record in table.scan(tx))
    if arn.service != "iam":
        return True
    kind, _, rest = arn.resource.partition("/")
    if kind not in _NAMED:
        return False
    found = state.find(tx, kind, arn.account, rest.rpartition("/")[2])
    return found is not None and found.arn == principal
