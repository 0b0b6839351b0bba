"""The parser of all four expression languages: condition, projection, update, key condition (a condition by grammar).

Parsing knows nothing of the request; what it finds goes into a Parsed, which an LRU keeps by text. AWS reads the whole
expression before it judges names and types, so a syntax error comes before every other; what else is wrong with the
text alone is kept as `fault` and raised later (compiling.py).

The boolean level is parsed with a stack of operators, not by recursion: 4 KB of "(" must not exhaust Python's.
Source: DynamoDB developer guide, "Condition and filter expressions, operators, and functions", "Using update
expressions", "Using projection expressions"; grammar corners (parentheses, case) follow recorded answers.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pileus.services.dynamodb.expressions.nodes import (
    Action,
    And,
    Arithmetic,
    Between,
    Comparison,
    Condition,
    Function,
    In,
    Not,
    Operand,
    Or,
    Path,
    Value,
)
from pileus.services.dynamodb.expressions.reserved import RESERVED_WORDS
from pileus.services.dynamodb.expressions.tokens import (
    END,
    NAME,
    NAME_PLACEHOLDER,
    NUMBER,
    VALUE_PLACEHOLDER,
    Token,
    invalid,
    syntax_error,
    tokens_of,
)

MAX_EXPRESSION_BYTES = 4096
MAX_OPERATORS = 300  # and functions; the = of a SET and the parentheses are none
MAX_PATH_DEPTH = 32
"""Developer guide, "Quotas in Amazon DynamoDB", Expression parameters; and nested attribute depth."""
MAX_INDEX = 2**31 - 1

CACHED_TEXTS = 1024
CACHED_CHARACTERS = 1024
"""What is kept of parsed texts: longer ones are rare, and what they are parsed into would take much memory."""

FUNCTIONS = frozenset(
    {
        "attribute_exists",
        "attribute_not_exists",
        "attribute_type",
        "begins_with",
        "contains",
        "if_not_exists",
        "list_append",
        "size",
    }
)

_COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_KEYWORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
_SECTIONS = frozenset({"SET", "REMOVE", "ADD", "DELETE"})
_BINDING = {"OR": 1, "AND": 2, "NOT": 3, "(": 0}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed expression: its root (a Condition, a tuple of Actions or of Paths) and the placeholders it names."""

    parameter: str
    root: Any
    names: tuple[str, ...]
    values: tuple[str, ...]
    fault: str | None


def parse(parameter: str, text: str) -> Parsed:
    """Parse the text of a request's `parameter`.

    errors   ValidationException: empty, too long, too many operators, a syntax error
    """
    return _kept(parameter, text) if len(text) <= CACHED_CHARACTERS else _parsed(parameter, text)


def _parsed(parameter: str, text: str) -> Parsed:
    size_bytes = len(text.encode())
    if size_bytes > MAX_EXPRESSION_BYTES:
        raise invalid(
            parameter, f"Expression size has exceeded the maximum allowed size; expression size: {size_bytes}"
        )
    if not text.strip(" \t\r\n\f"):
        raise invalid(parameter, "The expression can not be empty;")
    parser = _Parser(parameter, text)
    if parameter == "UpdateExpression":
        root = parser.update()
    elif parameter == "ProjectionExpression":
        root = parser.projection()
    else:
        root = parser.condition()
    return Parsed(
        parameter, root, tuple(parser.names), tuple(parser.values), next(filter(None, parser.faults.values()), None)
    )


_kept = lru_cache(maxsize=CACHED_TEXTS)(_parsed)


class _Parser:
    def __init__(self, parameter: str, text: str) -> None:
        self.parameter = parameter
        self.text = text
        self.tokens = tokens_of(text)
        self.at = 0
        self.operators = 0
        self.names: dict[str, None] = {}
        self.values: dict[str, None] = {}
        # In the order in which AWS speaks of them.
        self.faults: dict[str, str | None] = dict.fromkeys(("parentheses", "function", "sections", "reserved", "path"))

    # --- reading tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def wrong(self) -> Exception:
        return syntax_error(self.parameter, self.text, self.tokens, self.at)

    def take(self, kind: str) -> Token:
        token = self.tokens[self.at]
        if token.kind != kind:
            raise self.wrong()
        self.at += 1
        return token

    def take_if(self, kind: str) -> bool:
        if self.tokens[self.at].kind != kind:
            return False
        self.at += 1
        return True

    def fault(self, kind: str, message: str) -> None:
        self.faults[kind] = self.faults[kind] or message

    def count_operator(self) -> None:
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            raise invalid(
                self.parameter, f"The expression contains too many operators; operator count: {self.operators}"
            )

    def redundant_parentheses(self) -> None:
        self.fault("parentheses", "The expression has redundant parentheses;")

    # --- the languages

    def condition(self) -> Condition:
        found: list[Condition] = []
        grouped: list[bool] = []  # whether the condition of the same place is one pair of parentheses
        operators: list[str] = []

        def reduce() -> None:
            operator = operators.pop()
            right = found.pop()
            grouped.pop()
            if operator == "NOT":
                found.append(Not(right))
            else:
                left = found.pop()
                grouped.pop()
                found.append(And(left, right) if operator == "AND" else Or(left, right))
            grouped.append(False)

        while True:
            while True:
                if self.take_if("("):
                    operators.append("(")
                elif self.token.word == "NOT":
                    self.count_operator()
                    self.at += 1
                    operators.append("NOT")
                else:
                    break
            found.append(self.predicate(operators))
            grouped.append(False)
            while self.token.kind == ")" and "(" in operators:
                while operators[-1] != "(":
                    reduce()
                operators.pop()
                self.at += 1
                if grouped[-1]:
                    self.redundant_parentheses()
                grouped[-1] = True
            word = self.token.word
            if word not in ("AND", "OR"):
                break
            self.count_operator()
            while operators and _BINDING[operators[-1]] >= _BINDING[word]:
                reduce()
            operators.append(word)
            self.at += 1
        if "(" in operators or self.token.kind is not END:
            raise self.wrong()
        while operators:
            reduce()
        return found[0]

    def predicate(self, operators: list[str]) -> Condition:
        """A comparison, BETWEEN, IN or function. `operators` loses a "(" that turns out to be around an operand."""
        start = self.at
        operand = self.operand()
        wrapped = False
        while (
            operators
            and operators[-1] == "("
            and start > 0
            and self.tokens[start - 1].kind == "("
            and self.token.kind == ")"
            and self.begins_comparison_after_parentheses()
        ):
            operators.pop()
            start -= 1
            self.at += 1
            if wrapped:
                self.redundant_parentheses()
            wrapped = True
        token = self.token
        if token.kind in _COMPARATORS:
            self.count_operator()
            self.at += 1
            return Comparison(token.kind, operand, self.operand())
        if token.word == "BETWEEN":
            self.count_operator()
            self.at += 1
            low = self.operand()
            if self.token.word != "AND":
                raise self.wrong()
            self.at += 1
            return Between(operand, low, self.operand())
        if token.word == "IN":
            self.count_operator()
            self.at += 1
            self.take("(")
            choices = [self.operand()]
            while self.take_if(","):
                choices.append(self.operand())
            self.take(")")
            return In(operand, tuple(choices))
        if isinstance(operand, Function):
            return operand
        raise self.wrong()

    def begins_comparison_after_parentheses(self) -> bool:
        token = next(token for token in self.tokens[self.at :] if token.kind != ")")
        return token.kind in _COMPARATORS or token.word in ("BETWEEN", "IN")

    def update(self) -> tuple[Action, ...]:
        actions: list[Action] = []
        seen: set[str] = set()
        while True:
            section = self.token.word
            if section not in _SECTIONS:
                raise self.wrong()
            if section in seen:
                self.fault("sections", f'The "{section}" section can only be used once in an update expression;')
            seen.add(section)
            self.at += 1
            while True:
                path = self.path()
                if section == "SET":
                    self.take("=")
                    actions.append(Action(section, path, self.assigned()))
                elif section == "REMOVE":
                    actions.append(Action(section, path, None))
                else:
                    actions.append(Action(section, path, self.value()))
                if not self.take_if(","):
                    break
            if self.take_if(END):
                return tuple(actions)

    def projection(self) -> tuple[Path, ...]:
        paths = [self.path()]
        while self.take_if(","):
            paths.append(self.path())
        self.take(END)
        return tuple(paths)

    # --- their parts

    def assigned(self) -> Operand:
        """The right side of a SET: an operand, or two with + or - between them; parentheses around either."""
        opened = 0
        while self.take_if("("):
            opened += 1
        if opened > 1:
            self.redundant_parentheses()
        assigned = self.arithmetic(self.operand())
        for _ in range(opened):
            self.take(")")
        return self.arithmetic(assigned) if not isinstance(assigned, Arithmetic) else assigned

    def arithmetic(self, left: Operand) -> Operand:
        kind = self.token.kind
        if kind not in ("+", "-"):
            return left
        self.count_operator()
        self.at += 1
        return Arithmetic(kind, left, self.operand())

    def operand(self) -> Operand:
        opened = 0
        while self.take_if("("):
            opened += 1
        token = self.token
        if token.kind == VALUE_PLACEHOLDER:
            found = self.value()
        elif token.kind == NAME and self.tokens[self.at + 1].kind == "(" and token.word not in _KEYWORDS:
            self.count_operator()
            if token.text not in FUNCTIONS:
                self.fault("function", f"Invalid function name; function: {token.text}")
            self.at += 2
            operands = [self.operand()]
            while self.take_if(","):
                operands.append(self.operand())
            self.take(")")
            found = Function(token.text, tuple(operands))
        else:
            found = self.path()
        for _ in range(opened):
            self.take(")")
        if opened > 1:
            self.redundant_parentheses()
        return found

    def value(self) -> Value:
        placeholder = self.take(VALUE_PLACEHOLDER).text
        self.values[placeholder] = None
        return Value(placeholder)

    def path(self) -> Path:
        parts: list[str | int] = [self.path_name(is_first=True)]
        while True:
            if self.take_if("."):
                parts.append(self.path_name())
            elif self.take_if("["):
                digits = self.take(NUMBER).text
                self.take("]")
                # Python refuses to read thousands of digits, and AWS any index beyond a Java int.
                index = int(digits) if len(digits) < 12 else MAX_INDEX + 1
                if index > MAX_INDEX:
                    self.fault("path", f"List index is not within the allowable range; index: [{digits}]")
                parts.append(index)
            else:
                break
        if len(parts) > MAX_PATH_DEPTH:
            self.fault("path", f"The document path has too many nesting levels; nesting levels: {len(parts)}")
        return Path(tuple(parts))

    def path_name(self, is_first: bool = False) -> str:
        token = self.token
        if token.kind == NAME_PLACEHOLDER:
            self.names[token.text] = None
        elif token.kind != NAME or (is_first and token.word in _KEYWORDS):
            raise self.wrong()
        elif token.word in RESERVED_WORDS:
            self.fault("reserved", f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
        self.at += 1
        return token.text
