"""Method, path and query string -> operation, for the REST protocols.

Operations that share a method and a path template stand together behind one regular expression; among them the one
that asks for most of what the request has wins: literals of the query string (`?tagging`), then required members
that travel in the query string or a header (UploadPart's `partNumber`, CopyObject's `x-amz-copy-source`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, unquote

import msgspec

from .shapes import OperationModel, Shape

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


@dataclass(frozen=True)
class Candidate:
    operation: str
    literals: tuple[tuple[str, str], ...]
    needed_query: tuple[str, ...]
    needed_headers: tuple[str, ...]
    is_deprecated: bool

    def rank(self, query: dict[str, str], headers: Mapping[str, str]) -> tuple | None:
        """Larger is better; None where a literal is missing."""
        for name, value in self.literals:
            if query.get(name) is None or (value and query[name] != value):
                return None
        needed = len(self.needed_query) + len(self.needed_headers)
        has_all = all(n in query for n in self.needed_query) and all(n in headers for n in self.needed_headers)
        named = query.get("x-id") == self.operation
        return (named, has_all, len(self.literals), needed if has_all else -needed, not self.is_deprecated)


@dataclass(frozen=True)
class Template:
    """`plain`: the winner of requests without a query string, by which of the candidates' headers they have."""

    pattern: re.Pattern
    labels: tuple[str, ...]
    specificity: tuple
    candidates: list[Candidate]
    plain: dict[tuple[bool, ...], Candidate | None] = field(default_factory=dict)

    @cached_property
    def headers(self) -> tuple[str, ...]:
        """Those that tell the candidates apart."""
        return tuple(sorted({name for candidate in self.candidates for name in candidate.needed_headers}))

    def best(self, query: str, headers: Mapping[str, str]) -> Candidate | None:
        if query:
            return self._best(dict(parse_qsl(query, keep_blank_values=True)), headers)
        # Most requests are such, and S3 has thirty candidates for one path.
        has = tuple([name in headers for name in self.headers])
        try:
            return self.plain[has]
        except KeyError:
            found = self.plain[has] = self._best({}, headers)
            return found

    def _best(self, query: dict[str, str], headers: Mapping[str, str]) -> Candidate | None:
        ranked = [(rank, c) for c in self.candidates if (rank := c.rank(query, headers)) is not None]
        return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


class Match(msgspec.Struct, frozen=True):
    operation: str
    labels: dict[str, str]


class Routes:
    def __init__(self, operations: dict[str, OperationModel], shapes: dict[str, Shape]) -> None:
        self._by_method: dict[str, list[Template]] = {}
        known: dict[tuple, Template] = {}
        for name, operation in operations.items():
            method = operation.http.get("method", "POST")
            path, _, literals = operation.http.get("requestUri", "/").partition("?")
            source, labels = _pattern(path)
            key = (method, source, labels)
            if key not in known:
                known[key] = Template(re.compile(source, re.DOTALL), labels, _specificity(path), [])
                self._by_method.setdefault(method, []).append(known[key])
            known[key].candidates.append(_candidate(name, operation, literals, shapes))
        for templates in self._by_method.values():
            templates.sort(key=lambda template: template.specificity, reverse=True)

    def match(self, method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None) -> Match | None:
        """The operation meant, with its path's labels decoded; None where no operation has such a path.

        path     percent-encoded; S3's with the bucket as its first segment
        headers  lower-case names
        """
        for template in self._by_method.get(method, ()):
            found = template.pattern.fullmatch(path)
            if found is None:
                continue
            best = template.best(query, headers or {})
            if best is None:
                continue
            labels = dict(zip(template.labels, found.groups(), strict=True))
            return Match(best.operation, {k: unquote(v) for k, v in labels.items()} if "%" in path else labels)
        return None


def _pattern(path: str) -> tuple[str, tuple[str, ...]]:
    """A path template as a regular expression. A slash at the end makes no difference, save after a greedy label."""
    source, labels, end = "", [], 0
    trimmed = path.rstrip("/")
    for label in _LABEL.finditer(trimmed):
        source += re.escape(trimmed[end : label.start()]) + ("(.+)" if label[2] else "([^/]+)")
        labels.append(label[1])
        end = label.end()
    source += re.escape(trimmed[end:])
    return source + ("" if source.endswith("(.+)") else "/?"), tuple(labels)


def _specificity(path: str) -> tuple:
    """Longer fixed text first; a greedy label last."""
    return ("+}" not in path, path.count("/"), len(_LABEL.sub("", path)), -path.count("{"))


def _candidate(name: str, operation: OperationModel, literals: str, shapes: dict[str, Shape]) -> Candidate:
    shape = None if operation.input is None else shapes[operation.input.shape]
    needed = [] if shape is None else [shape.members[member] for member in shape.required if member in shape.members]
    fixed = tuple((key, value) for key, value in parse_qsl(literals, keep_blank_values=True) if key != "x-id")
    return Candidate(
        operation=name,
        literals=fixed,
        needed_query=tuple(ref.locationName for ref in needed if ref.location == "querystring" and ref.locationName),
        needed_headers=tuple(
            ref.locationName.lower() for ref in needed if ref.location == "header" and ref.locationName
        ),
        is_deprecated=operation.deprecated,
    )
