"""One statement of a policy, compiled: what it speaks of, found out with as little work as possible."""

from pileus.authz.conditions import NullTest, Test
from pileus.authz.patterns import arn_matcher, has_wildcard, text_matcher
from pileus.authz.principals import Grant, Principals
from pileus.authz.variables import Keys, Template, has_variable
from pileus.kernel.principal import Principal


class Actions:
    """Names of actions, which ignore case. Asked for once per action and policy; see Policy.for_action."""

    __slots__ = ("literals", "patterns", "texts")

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        lower = [text.lower() for text in texts]
        self.literals = frozenset(text for text in lower if not has_wildcard(text))
        self.patterns = [text_matcher(text).fullmatch for text in lower if has_wildcard(text)]

    def include(self, action: str) -> bool:
        return action in self.literals or any(matches(action) for matches in self.patterns)


class Resources:
    """ARNs, which respect case, with wildcards and policy variables."""

    __slots__ = ("everything", "literals", "patterns", "templates", "texts")

    def __init__(self, texts: list[str], has_variables: bool) -> None:
        self.texts = texts
        self.everything = "*" in texts
        templates = [text for text in texts if has_variables and has_variable(text)]
        fixed = [text for text in texts if text not in templates]
        self.literals = frozenset(text for text in fixed if not has_wildcard(text) and text.count(":") >= 5)
        self.patterns = [arn_matcher(text).fullmatch for text in fixed if text not in self.literals]
        self.templates = [Template(text) for text in templates]

    def include(self, resource: str, keys: Keys) -> bool | None:
        """None: a variable had no value for this request, and nothing else matched."""
        if self.everything or resource in self.literals:
            return True
        for matches in self.patterns:
            if matches(resource):
                return True
        is_unresolved = False
        for template in self.templates:
            filled = template.filled(keys)
            if filled is None:
                is_unresolved = True
            elif arn_matcher(filled).fullmatch(resource):
                return True
        return None if is_unresolved else False


class Statement:
    """`sid` is "" where the document gives none; `index` counts from 0."""

    __slots__ = (
        "actions",
        "index",
        "is_deny",
        "not_actions",
        "not_principals",
        "not_resources",
        "policy",
        "principals",
        "resources",
        "sid",
        "tests",
    )

    def __init__(self, policy: str, index: int, sid: str, is_deny: bool) -> None:
        self.policy, self.index, self.sid, self.is_deny = policy, index, sid, is_deny
        self.actions: Actions | None = None
        self.not_actions: Actions | None = None
        self.resources: Resources | None = None
        self.not_resources: Resources | None = None
        self.principals: Principals | None = None
        self.not_principals: Principals | None = None
        self.tests: tuple[Test | NullTest, ...] = ()

    def concerns_action(self, action: str) -> bool:
        """`action` is in lower case."""
        if self.actions is not None:
            return self.actions.include(action)
        return self.not_actions is not None and not self.not_actions.include(action)

    def concerns_resource(self, resource: str, keys: Keys) -> bool:
        if self.resources is not None:
            return self.resources.include(resource, keys) is True
        if self.not_resources is not None:
            included = self.not_resources.include(resource, keys)
            # A variable without a value must not widen an Allow, nor narrow a Deny.
            return self.is_deny if included is None else not included
        return True

    def failing_condition(self, keys: Keys) -> Test | NullTest | None:
        """The first test that does not hold, or None: the statement's conditions are met.

        Where a variable has no value AWS calls the statement invalid: an Allow then does not apply. A Deny still
        does if what is left of its condition says so, for a missing tag must not open what was closed.
        """
        for test in self.tests:
            holds = test.holds(keys)
            if holds is None:
                holds = self.is_deny and test.negated
            if not holds:
                return test
        return None

    def grant(self, principal: Principal, has_boundary: bool) -> Grant:
        """How the statement names the caller. Statements of identity policies name nobody: they mean their owner."""
        if self.principals is not None:
            return self.principals.grant(principal)
        if self.not_principals is None:
            return Grant.DIRECT
        # AWS: "The NotPrincipal element with a Deny effect will always deny any IAM principal that has a permissions
        # boundary policy attached".
        if (self.is_deny and has_boundary) or not self.not_principals.excludes(principal):
            return Grant.DIRECT
        return Grant.NONE

    def applies(self, resource: str, keys: Keys) -> bool:
        """For a statement that concerns the action, and the principal."""
        return self.concerns_resource(resource, keys) and (not self.tests or self.failing_condition(keys) is None)

    def __str__(self) -> str:
        name = f'statement "{self.sid}"' if self.sid else f"statement {self.index + 1}"
        return f"{name} of {self.policy}" if self.policy else name
