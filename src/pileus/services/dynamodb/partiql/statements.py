"""Statements and their parts, as the grammar makes them: names and literals, no table looked at, no parameter bound.

Paths are those of expressions/, without placeholders: what begins with "#" is a name, too.
"""

from dataclasses import dataclass
from typing import Any

from pileus.services.dynamodb.expressions.nodes import Path


@dataclass(frozen=True, slots=True)
class Literal:
    """A canonical AttributeValue: a string, number, boolean or null."""

    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A question mark; `at` counts them from 0."""

    at: int


@dataclass(frozen=True, slots=True)
class ListOf:
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    parts: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class SetOf:
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """The keyword MISSING, as a value to compare with."""


@dataclass(frozen=True, slots=True)
class Call:
    """A function in lower case, and what it is called with."""

    function: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """operator: + or -"""

    operator: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """operator: =, <>, <, <=, > or >="""

    operator: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class Between:
    operand: Any
    low: Any
    high: Any


@dataclass(frozen=True, slots=True)
class In:
    operand: Any
    options: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Is:
    """kind: of types.KINDS."""

    operand: Any
    kind: str


@dataclass(frozen=True, slots=True)
class Not:
    part: Any


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A table's name or ARN, and an index of it or ""."""

    table: str
    index: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    name: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """
    columns      None for *
    parameters   how many question marks it has, here and in the others; none once it is bound
    """

    source: Source
    columns: tuple[Path, ...] | None
    where: Any = None
    order: tuple[Order, ...] = ()
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class Exists:
    """EXISTS(SELECT …), a statement of its own in transactions."""

    select: Select

    @property
    def source(self) -> Source:
        return self.select.source

    @property
    def parameters(self) -> int:
        return self.select.parameters


@dataclass(frozen=True, slots=True)
class Insert:
    source: Source
    value: Any
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class Assignment:
    """SET path = value"""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Removal:
    """REMOVE path"""

    path: Path


@dataclass(frozen=True, slots=True)
class Returning:
    """is_all: ALL and not MODIFIED; is_new: NEW and not OLD"""

    is_all: bool
    is_new: bool

    def __str__(self) -> str:
        return f"{'ALL' if self.is_all else 'MODIFIED'} {'NEW' if self.is_new else 'OLD'} *"


@dataclass(frozen=True, slots=True)
class Update:
    source: Source
    actions: tuple[Assignment | Removal, ...]
    where: Any = None
    returning: Returning | None = None
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class Delete:
    source: Source
    where: Any = None
    returning: Returning | None = None
    parameters: int = 0


Statement = Select | Exists | Insert | Update | Delete
