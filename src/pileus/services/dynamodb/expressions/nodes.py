"""What expressions are parsed into. Frozen, so that parsed texts are shared by all requests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Path:
    """A document path: names and list indexes. A part that begins with "#" is a placeholder until it is resolved."""

    parts: tuple[str | int, ...]

    @property
    def name(self) -> str:
        """The attribute's name where this is a whole attribute, else ""."""
        return self.parts[0] if len(self.parts) == 1 else ""


@dataclass(frozen=True, slots=True)
class Value:
    """A value placeholder, ":v"."""

    placeholder: str

    @classmethod
    def placed(cls, value: dict, values: dict[str, dict]) -> "Value":
        """One for a value that was written without a placeholder: `values` gets it under the next free one."""
        placeholder = f":{len(values)}"
        values[placeholder] = value
        return cls(placeholder)


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    operands: tuple["Operand", ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`operator` is + or -. In a condition, and nested, in PartiQL only."""

    operator: str
    left: "Operand"
    right: "Operand"


Operand = Path | Value | Function | Arithmetic


MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""Operators of a comparison with its sides exchanged."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator` is one of = <> < <= > >=."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class In:
    operand: Operand
    choices: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    left: "Condition"
    right: "Condition"


@dataclass(frozen=True, slots=True)
class Or:
    left: "Condition"
    right: "Condition"


@dataclass(frozen=True, slots=True)
class OfType:
    """The operand has a value, and it is of one of these types ("S", "N", …). In PartiQL only."""

    operand: Operand
    kinds: frozenset[str]


Condition = Comparison | Between | In | Function | Not | And | Or | OfType


def joined(join: type[And | Or], conditions: list[Condition]) -> Condition:
    """All of them in one tree, as flat as it can be: there may be thousands, and compiling and evaluating recurse."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return join(joined(join, conditions[:middle]), joined(join, conditions[middle:]))


@dataclass(frozen=True, slots=True)
class Action:
    """One action of an update. `section` is SET, REMOVE, ADD or DELETE; a REMOVE has no operand."""

    section: str
    path: Path
    operand: Operand | None
