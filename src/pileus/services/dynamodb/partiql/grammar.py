"""The grammar of PartiQL for DynamoDB: a statement's text -> statements.py.

    select    SELECT * | path, … FROM table[.index] [WHERE condition] [ORDER BY key [ASC | DESC], …]
    insert    INSERT INTO table VALUE {'name': value, …}
    update    UPDATE table (SET path = value, … | REMOVE path) … WHERE condition [RETURNING (ALL | MODIFIED) (OLD | NEW) *]
    delete    DELETE FROM table WHERE condition [RETURNING ALL OLD *]
    exists    EXISTS(select)

Source: DynamoDB developer guide, "PartiQL statements for DynamoDB", "Use PartiQL functions with DynamoDB" and
"PartiQL arithmetic, comparison, and logical operators for DynamoDB".
"""

from functools import lru_cache

from pileus.kernel.errors import NotImplementedByUs, ValidationException
from pileus.services.dynamodb.expressions.condition import OPERAND_COUNTS
from pileus.services.dynamodb.partiql import statements as ast
from pileus.services.dynamodb.partiql.errors import (
    EMPTY_COMPONENT,
    EMPTY_SET,
    NO_ALIASES,
    OTHERS_BESIDE_STAR,
    TOO_LONG_A_SOURCE,
    UNEXPECTED_STEP,
    no_set_to_add,
    not_well_formed,
)
from pileus.services.dynamodb.partiql.tokens import END, Kind, Token, text_at, tokens_of
from pileus.services.dynamodb.partiql.types import KINDS, OF_TWO_WORDS, WITH_SIZES
from pileus.services.dynamodb.values.numbers import normalise

NESTING_MAX = 80
"""Brackets, braces, parentheses and NOTs inside each other: values nest 32 levels, and the parser is recursive."""
SUMS_MAX = 100
"""Signs + and - between values: each makes the tree of its sum one level deeper."""
KEPT_LENGTH_MAX = 1024
"""Of the statements that are kept parsed: longer ones hold their values, and seldom come twice."""
UPDATE_FUNCTIONS = {"list_append": 2, "set_add": 2, "set_delete": 2}
SET_FUNCTIONS = ("set_add", "set_delete")
_COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")


def parse(statement: str) -> ast.Statement:
    """The statement. Raises ValidationException, or NotImplementedByUs for what AWS has and Pileus has not."""
    return _kept(statement) if len(statement) <= KEPT_LENGTH_MAX else _parsed(statement)


def _parsed(statement: str) -> ast.Statement:
    return _Parser(statement).statement()


_kept = lru_cache(maxsize=1024)(_parsed)


class _Parser:
    def __init__(self, statement: str) -> None:
        self._text = statement
        self._tokens = tokens_of(statement)
        self._at = 0
        self._depth = 0
        self._sums = 0
        self._parameters = 0
        self._is_item = False

    # Statements

    def statement(self) -> ast.Statement:
        if self._keyword("SELECT"):
            found = self._select()
        elif self._keyword("INSERT"):
            found = self._insert()
        elif self._keyword("UPDATE"):
            found = self._update()
        elif self._keyword("FROM"):
            found = self._update_from()
        elif self._keyword("DELETE"):
            found = self._delete()
        elif self._keyword("EXISTS"):
            found = self._exists()
        else:
            raise not_well_formed("Expected data manipulation")
        if self._sign(";") and self._next is not END:
            raise not_well_formed("Unexpected token after semicolon. (Only one query is allowed.)")
        if self._next is not END:
            raise not_well_formed("Unexpected token after expression")
        return found

    def _select(self) -> ast.Select:
        if self._keyword("DISTINCT") or self._keyword("ALL"):
            raise not_well_formed("Unexpected keyword")
        columns = self._columns()
        self._expect_keyword("FROM")
        source = self._source()
        where = self._condition() if self._keyword("WHERE") else None
        order = self._order() if self._keyword("ORDER") else ()
        return ast.Select(source, columns, where, order, self._parameters)

    def _columns(self) -> tuple[ast.Path, ...] | None:
        columns: list[ast.Path | None] = []
        while True:
            if self._sign("*"):
                columns.append(None)
            else:
                start = self._at
                column = self._sum()
                if isinstance(column, ast.Call) and column.function != "size":
                    raise ValidationException(f"{UNEXPECTED_STEP} at {self._place(start)}")
                if not isinstance(column, ast.Path):
                    raise NotImplementedByUs("dynamodb:ExecuteStatement with other columns than * and document paths")
                columns.append(column)
            if self._keyword("AS") or self._next.kind is Kind.NAME:
                raise ValidationException(NO_ALIASES)
            if not self._sign(","):
                break
        if None in columns:
            if len(columns) > 1:
                raise ValidationException(OTHERS_BESIDE_STAR)
            return None
        return tuple(columns)

    def _order(self) -> tuple[ast.Order, ...]:
        self._expect_keyword("BY")
        terms = []
        while True:
            path = self._path(self._name())
            is_descending = self._keyword("DESC")
            if not is_descending:
                self._keyword("ASC")
            terms.append(ast.Order(path.name or _text_of(path), is_descending))
            if not self._sign(","):
                return tuple(terms)

    def _insert(self) -> ast.Insert:
        self._expect_keyword("INTO")
        source = self._source()
        if not self._keyword("VALUE"):
            # PartiQL's other form is INSERT INTO table expression; DynamoDB has VALUE only.
            raise not_well_formed("Unexpected keyword" if self._is_keyword_after_sign() else "Unexpected term")
        self._is_item = True
        value = self._sum()
        return ast.Insert(source, value, self._parameters)

    def _is_keyword_after_sign(self) -> bool:
        following = self._tokens[self._at + 1] if self._next.kind is Kind.SIGN else self._next
        return following.kind is Kind.KEYWORD

    def _update(self) -> ast.Update:
        source = self._source()
        actions = self._actions()
        where = self._condition() if self._keyword("WHERE") else None
        return ast.Update(source, actions, where, self._returning(), self._parameters)

    def _update_from(self) -> ast.Update:
        """PartiQL's other order of an UPDATE: FROM table WHERE condition SET …"""
        source = self._source()
        where = self._condition() if self._keyword("WHERE") else None
        return ast.Update(source, self._actions(), where, self._returning(), self._parameters)

    def _actions(self) -> tuple[ast.Assignment | ast.Removal, ...]:
        actions: list[ast.Assignment | ast.Removal] = []
        while True:
            if self._keyword("SET"):
                actions.append(self._assignment())
                while self._sign(","):
                    actions.append(self._assignment())
            elif self._keyword("REMOVE"):
                actions.append(ast.Removal(self._path(self._name())))
            else:
                break
        if not actions:
            raise not_well_formed("Expected data manipulation")
        return tuple(actions)

    def _assignment(self) -> ast.Assignment:
        path = self._path(self._name())
        self._expect_sign("=")
        start = self._at
        value = self._sum(UPDATE_FUNCTIONS)
        if isinstance(value, ast.Call) and value.function in SET_FUNCTIONS:
            changed, members = value.arguments
            if changed != path:
                raise ValidationException(
                    f"The first argument to {value.function.upper()} must equal the assignment value "
                    f"at {self._place(start)}"
                )
            if not isinstance(members, ast.SetOf | ast.Parameter):
                raise no_set_to_add(value.function, self._place(start + 2))
        return ast.Assignment(path, value)

    def _delete(self) -> ast.Delete:
        self._expect_keyword("FROM")
        source = self._source()
        where = self._condition() if self._keyword("WHERE") else None
        return ast.Delete(source, where, self._returning(), self._parameters)

    def _exists(self) -> ast.Exists:
        self._expect_sign("(")
        self._expect_keyword("SELECT")
        select = self._select()
        self._expect_sign(")")
        return ast.Exists(select)

    def _source(self) -> ast.Source:
        table = self._name()
        has_index = self._sign(".")
        index = self._name() if has_index else ""
        if self._next == Token(Kind.SIGN, "."):
            raise ValidationException(TOO_LONG_A_SOURCE)
        if not table or (has_index and not index):
            raise ValidationException(EMPTY_COMPONENT)
        if self._keyword("AS") or (self._next.kind is Kind.NAME and self._next.text.upper() != "RETURNING"):
            raise ValidationException(NO_ALIASES)
        return ast.Source(table, index)

    def _returning(self) -> ast.Returning | None:
        if self._next.kind is not Kind.NAME or self._next.text.upper() != "RETURNING":
            return None
        self._at += 1
        is_all = self._keyword("ALL")
        if not is_all:
            self._expect_word("MODIFIED")
        is_new = self._word("NEW")
        if not is_new:
            self._expect_word("OLD")
        self._expect_sign("*")
        return ast.Returning(is_all, is_new)

    # Conditions, from what binds least

    def _condition(self):
        parts = [self._conjunction()]
        while self._keyword("OR"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else ast.Or(tuple(parts))

    def _conjunction(self):
        parts = [self._negation()]
        while self._keyword("AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else ast.And(tuple(parts))

    def _negation(self):
        if self._keyword("NOT"):
            self._deeper()
            found = ast.Not(self._negation())
            self._depth -= 1
            return found
        return self._comparison()

    def _comparison(self):
        left = self._sum()
        while True:
            if self._next.kind is Kind.SIGN and self._next.text in _COMPARISONS:
                operator = self._take().text
                right = self._sum()
                left = ast.Comparison("<>" if operator == "!=" else operator, left, right)
            elif self._keyword("IS"):
                is_negated = self._keyword("NOT")
                tested = ast.Is(left, self._type())
                left = ast.Not(tested) if is_negated else tested
            elif self._next.kind is Kind.KEYWORD and self._next.text in ("NOT", "IN", "BETWEEN", "LIKE"):
                is_negated = self._keyword("NOT")
                tested = self._range_or_list(left)
                left = ast.Not(tested) if is_negated else tested
            else:
                return left

    def _range_or_list(self, operand):
        if self._keyword("BETWEEN"):
            low = self._sum()
            self._expect_keyword("AND")
            return ast.Between(operand, low, self._sum())
        if self._keyword("IN"):
            if self._sign("["):
                return ast.In(operand, self._parts("]"))
            self._expect_sign("(")
            return ast.In(operand, self._parts(")"))
        raise not_well_formed("Unexpected keyword" if self._next.kind is Kind.KEYWORD else "Unexpected term")

    def _type(self) -> str:
        """The name of a type, in upper case. Of what is none, the code is AWS's, the text ours."""
        kind = self._next.text.upper() if self._next.kind in (Kind.KEYWORD, Kind.NAME) else ""
        if kind not in KINDS:
            raise not_well_formed("Expected type name")
        self._at += 1
        second = OF_TWO_WORDS.get(kind)
        if second is not None and (self._keyword(second) or self._word(second)):
            kind = f"{kind} {second}"
        if kind in WITH_SIZES and self._next == Token(Kind.SIGN, "("):
            raise NotImplementedByUs("dynamodb:ExecuteStatement with IS and a length or precision")
        return kind

    # Values

    def _sum(self, functions: dict[str, int] = OPERAND_COUNTS):
        left = self._term(functions)
        while self._next.kind is Kind.SIGN and self._next.text in ("+", "-"):
            operator = self._take().text
            self._sums += 1
            if self._sums > SUMS_MAX:
                raise not_well_formed("The statement is nested too deeply")
            left = ast.Arithmetic(operator, left, self._term(functions))
        return left

    def _term(self, functions: dict[str, int]):
        token = self._take()
        if token.kind is Kind.NAME:
            if self._sign("("):
                return self._call(token.text.lower(), functions, self._at - 2)
            return self._path(token.text)
        if token.kind is Kind.STRING:
            return ast.Literal({"S": token.text})
        if token.kind is Kind.NUMBER:
            return ast.Literal({"N": normalise(token.text)})
        if token.kind is Kind.KEYWORD:
            if token.text in ("TRUE", "FALSE"):
                return ast.Literal({"BOOL": token.text == "TRUE"})
            if token.text == "NULL":
                return ast.Literal({"NULL": True})
            if token.text == "MISSING":
                return ast.Missing()
            if token.text == "EXISTS" and self._sign("("):
                raise self._unrecognized("exists", self._at - 2)
            raise not_well_formed("Unexpected keyword")
        if token.kind is Kind.END:
            raise not_well_formed("Unexpected end of statement")
        self._deeper()
        found = self._bracketed(token.text, functions)
        self._depth -= 1
        return found

    def _bracketed(self, sign: str, functions: dict[str, int]):
        if sign == "?":
            self._parameters += 1
            return ast.Parameter(self._parameters - 1)
        if sign in ("-", "+") and self._next.kind is Kind.NUMBER:
            return ast.Literal({"N": normalise(sign + self._take().text)})
        if sign == "(":
            found = self._condition()
            self._expect_sign(")")
            return found
        if sign == "[":
            return ast.ListOf(self._parts("]"))
        if sign == "<<":
            members = self._parts(">>")
            if not members:
                raise ValidationException(EMPTY_SET)
            return ast.SetOf(members)
        if sign == "{":
            return ast.MapOf(self._members())
        raise not_well_formed("Unexpected term")

    def _parts(self, closing: str) -> tuple:
        parts: list = []
        if self._sign(closing):
            return ()
        while True:
            parts.append(self._sum())
            if self._sign(closing):
                return tuple(parts)
            self._expect_sign(",")

    def _members(self) -> tuple[tuple[str, object], ...]:
        members: list = []
        if self._sign("}"):
            return ()
        while True:
            name = self._take()
            if name.kind is not Kind.STRING:
                raise not_well_formed("Unexpected term")
            self._expect_sign(":")
            members.append((name.text, self._sum()))
            if self._sign("}"):
                return tuple(members)
            self._expect_sign(",")

    def _call(self, function: str, functions: dict[str, int], start: int):
        """start: the index of the function's name."""
        if self._is_item:
            raise ValidationException(f"Unsupported data type: {function} under key root at {self._place(start)}")
        if function not in functions:
            raise self._unrecognized(function, start)
        self._deeper()
        arguments = self._parts(")")
        self._depth -= 1
        if len(arguments) != functions[function]:
            if function in SET_FUNCTIONS:
                raise ValidationException(f"{function.upper()} must have exactly two arguments at {self._place(start)}")
            raise ValidationException(
                f"Incorrect number of operands for operator or function; operator or function: {function}, "
                f"number of operands: {len(arguments)}"
            )
        return ast.Call(function, arguments)

    def _unrecognized(self, function: str, start: int) -> ValidationException:
        return ValidationException(f"Unrecognized function: {function} at {self._place(start)}")

    def _path(self, name: str) -> ast.Path:
        parts: list[str | int] = [name]
        while True:
            if self._sign("."):
                if self._next.kind is not Kind.NAME or self._is_bare_size():
                    raise not_well_formed("Invalid path dot component")
                parts.append(self._take().text)
            elif self._sign("["):
                token = self._take()
                if token.kind is Kind.STRING:  # a['b'] is a.b
                    parts.append(token.text)
                elif token.kind is Kind.NUMBER and token.text.isdigit():
                    parts.append(int(token.text))
                else:
                    raise ValidationException(UNEXPECTED_STEP)
                self._expect_sign("]")
            else:
                if "" in parts:
                    raise ValidationException(EMPTY_COMPONENT)
                return ast.Path(tuple(parts))

    def _is_bare_size(self) -> bool:
        """SIZE is reserved, too, but for its function; in double quotes it is a name."""
        return self._next.text.upper() == "SIZE" and text_at(self._text, self._at)[0][0] != '"'

    # Tokens

    def _place(self, index: int) -> str:
        return text_at(self._text, index)[1]

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if token is not END:
            self._at += 1
        return token

    def _is(self, kind: Kind, text: str) -> bool:
        found = self._next.kind is kind and self._next.text == text
        if found:
            self._at += 1
        return found

    def _keyword(self, word: str) -> bool:
        return self._is(Kind.KEYWORD, word)

    def _sign(self, sign: str) -> bool:
        return self._is(Kind.SIGN, sign)

    def _word(self, word: str) -> bool:
        """A word that is no keyword but where it stands."""
        found = self._next.kind is Kind.NAME and self._next.text.upper() == word
        if found:
            self._at += 1
        return found

    def _name(self) -> str:
        if self._next.kind is Kind.KEYWORD:
            raise not_well_formed("Unexpected keyword")
        if self._next.kind is not Kind.NAME:
            raise not_well_formed("Unexpected term")
        return self._take().text

    def _expect_keyword(self, word: str) -> None:
        if not self._keyword(word):
            raise not_well_formed(f"Expected {word}")

    def _expect_word(self, word: str) -> None:
        if not self._word(word):
            raise not_well_formed(f"Expected {word}")

    def _expect_sign(self, sign: str) -> None:
        if not self._sign(sign):
            raise not_well_formed(f"Expected {sign}")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise not_well_formed("The statement is nested too deeply")


def _text_of(path: ast.Path) -> str:
    text = str(path.parts[0])
    for part in path.parts[1:]:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text
