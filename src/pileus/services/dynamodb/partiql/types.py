"""PartiQL's types, as IS names them, and which of DynamoDB's are meant.

A value of DynamoDB is told by its own type alone: it has one type of numbers and one of texts, so each name of a number
or a text means that one, whatever a value's range, scale or length is. No value is of a type that DynamoDB doesn't have.

Source: the PartiQL specification, chapter 2 "Data model" (tuple, array and bag; values that are absent), and its site's
"PartiQL Types" (the names); DynamoDB developer guide, "PartiQL data types for DynamoDB" (numbers, lists, maps, sets).
"""

_NOTHING: frozenset[str] = frozenset()
_NUMBER = frozenset({"N"})
_TEXT = frozenset({"S"})
_LIST = frozenset({"L"})
_MAP = frozenset({"M"})

EVERY = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
MISSING = "MISSING"
"""An absent value, and no type: what is of none of them."""

KINDS: dict[str, frozenset[str]] = {
    MISSING: _NOTHING,
    "NULL": frozenset({"NULL"}),
    **dict.fromkeys(("BOOL", "BOOLEAN"), frozenset({"BOOL"})),
    **dict.fromkeys(("TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT"), _NUMBER),
    **dict.fromkeys(("DEC", "DECIMAL", "NUMERIC", "FLOAT", "REAL", "DOUBLE", "DOUBLE PRECISION"), _NUMBER),
    **dict.fromkeys(("STRING", "CHAR", "CHARACTER", "CHARACTER VARYING", "VARCHAR"), _TEXT),
    "BLOB": frozenset({"B"}),
    **dict.fromkeys(("LIST", "ARRAY"), _LIST),
    **dict.fromkeys(("STRUCT", "TUPLE"), _MAP),
    "BAG": frozenset({"SS", "NS", "BS"}),
    **dict.fromkeys(("CLOB", "DATE", "SEXP", "SYMBOL", "TIME", "TIMESTAMP"), _NOTHING),
}
"""Name -> the types whose values are of it."""

OF_TWO_WORDS = {"DOUBLE": "PRECISION", "CHARACTER": "VARYING"}
WITH_SIZES = frozenset(
    ("DEC", "DECIMAL", "NUMERIC", "FLOAT", "CHAR", "CHARACTER", "CHARACTER VARYING", "VARCHAR", "TIME", "TIMESTAMP")
)
"""What may be followed by a length, or a precision and a scale."""
