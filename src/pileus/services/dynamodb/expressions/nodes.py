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


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    operands: tuple["Operand", ...]


Operand = Path | Value | Function


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


Condition = Comparison | Between | In | Function | Not | And | Or


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`operator` is + or -."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Action:
    """One action of an update. `section` is SET, REMOVE, ADD or DELETE; a REMOVE has no operand."""

    section: str
    path: Path
    operand: Operand | Arithmetic | None
