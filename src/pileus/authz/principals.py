"""The Principal and NotPrincipal elements of resource policies and role trust policies.

Source: IAM user guide, "AWS JSON policy elements: Principal" and "… NotPrincipal"; what a grant to each form is worth,
from "How AWS enforcement code logic evaluates requests to allow or deny access".
"""

import re
from enum import IntEnum

from pileus.kernel.principal import Principal, canonical_user_id


class Grant(IntEnum):
    """How a statement names the caller, which says what else may still deny.

    ACCOUNT  its account is named: that only lets the account's own policies decide
    ROLE     its role (or the user who federated) is named: boundaries and session policies still limit
    DIRECT   it is named itself, or everybody is: within the account nothing implicit limits any more
    """

    NONE = 0
    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


_ACCOUNT = re.compile(r"\d{12}$")
_ROOT = re.compile(r"arn:[^:]*:iam::(\d{12}):root$")
_REGIONAL_SERVICE = re.compile(r"([a-z0-9-]+)\.[a-z]{2}(?:-[a-z]+)+-\d\.(amazonaws\.com(?:\.cn)?)$")


def _without_region(service: str) -> str:
    return _REGIONAL_SERVICE.sub(r"\1.\2", service)


class Principals:
    """`element` is "*" or {"AWS" | "Service" | "Federated" | "CanonicalUser": [values]}."""

    __slots__ = ("accounts", "arns", "canonical_users", "everyone", "federated", "services")

    def __init__(self, element: str | dict[str, list[str]]) -> None:
        by_kind = {"AWS": ["*"]} if element == "*" else element
        self.everyone = "*" in by_kind.get("AWS", ())
        self.accounts: set[str] = set()
        self.arns: set[str] = set()  # and unique ids: what is left of a principal that was deleted
        for value in by_kind.get("AWS", ()):
            if _ACCOUNT.match(value):
                self.accounts.add(value)
            elif match := _ROOT.match(value):
                self.accounts.add(match[1])
            else:
                self.arns.add(value)
        self.services = {value.lower() for value in by_kind.get("Service", ())}
        self.federated = set(by_kind.get("Federated", ()))
        self.canonical_users = set(by_kind.get("CanonicalUser", ()))

    def grant(self, principal: Principal) -> Grant:
        if self.everyone:
            return Grant.DIRECT
        kind = principal.kind
        if kind == "service":
            return Grant.DIRECT if self._names_service(principal.service) else Grant.NONE
        if kind == "federated":
            return Grant.DIRECT if principal.arn in self.federated or "*" in self.federated else Grant.NONE
        if kind == "anonymous":
            return Grant.NONE
        if self.arns:
            if principal.arn in self.arns or principal.unique_id in self.arns:
                return Grant.DIRECT
            if principal.issuer_arn and (
                principal.issuer_arn in self.arns or principal.unique_id.partition(":")[0] in self.arns
            ):
                return Grant.ROLE
        if self._names_account(principal.account):
            return Grant.DIRECT if kind == "root" else Grant.ACCOUNT
        return Grant.NONE

    def excludes(self, principal: Principal) -> bool:
        """Is the caller wholly listed, as NotPrincipal wants it: the account, the role and the session as well?"""
        if self.everyone:
            return True
        if principal.kind in ("service", "federated", "anonymous", "root"):
            return self.grant(principal) is Grant.DIRECT
        if not self._names_account(principal.account):
            return False
        names = [principal.arn, principal.issuer_arn] if principal.issuer_arn else [principal.arn]
        return self.arns.issuperset(names)

    def _names_service(self, service: str) -> bool:
        service = service.lower()
        if service in self.services or "*" in self.services:
            return True
        # Some policies name a service in one region (logs.us-east-1.amazonaws.com); our callers name none.
        return any(_without_region(name) == service for name in self.services)

    def _names_account(self, account: str) -> bool:
        if account in self.accounts:
            return True
        return bool(self.canonical_users) and canonical_user_id(account) in self.canonical_users
