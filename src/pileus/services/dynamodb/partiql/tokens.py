"""A statement's text as tokens.

Keywords are not case sensitive, names are. Source: DynamoDB developer guide, "PartiQL - a SQL-compatible query language
for Amazon DynamoDB"; the PartiQL specification, chapter 2 "Data model" and its appendix of reserved words.
"""

import enum
import re
from itertools import islice
from typing import NamedTuple

from pileus.services.dynamodb.partiql.errors import not_well_formed


class Kind(enum.Enum):
    NAME = "name"
    """A name as it stands, or one in double quotes: `text` is without them."""
    KEYWORD = "keyword"
    """`text` is in upper case."""
    STRING = "string"
    NUMBER = "number"
    SIGN = "sign"
    """Operators and punctuation."""
    END = "end"


class Token(NamedTuple):
    kind: Kind
    text: str


# SQL-92's reserved words and PartiQL's MISSING, LIMIT, REMOVE, PIVOT and UNPIVOT; without the names of date parts, which
# PartiQL does not reserve. In double quotes each of them is a name.
RESERVED = frozenset(
    """
    ABSOLUTE ACTION ADD ALL ALLOCATE ALTER AND ANY ARE AS ASC ASSERTION AT AUTHORIZATION AVG BEGIN BETWEEN BIT
    BIT_LENGTH BOTH BY CASCADE CASCADED CASE CAST CATALOG CHAR CHARACTER CHARACTER_LENGTH
    CHAR_LENGTH CHECK CLOSE COALESCE COLLATE COLLATION COLUMN COMMIT CONNECT CONNECTION CONSTRAINT CONSTRAINTS
    CONTINUE CONVERT CORRESPONDING COUNT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER
    CURSOR DATE DEALLOCATE DEC DECIMAL DECLARE DEFAULT DEFERRABLE DEFERRED DELETE DESC DESCRIBE DESCRIPTOR DIAGNOSTICS
    DISCONNECT DISTINCT DOMAIN DOUBLE DROP ELSE END END-EXEC ESCAPE EXCEPT EXCEPTION EXEC EXECUTE EXISTS EXTERNAL
    EXTRACT FALSE FETCH FIRST FLOAT FOR FOREIGN FOUND FROM FULL GET GLOBAL GO GOTO GRANT GROUP HAVING IDENTITY
    IMMEDIATE IN INDICATOR INITIALLY INNER INPUT INSENSITIVE INSERT INT INTEGER INTERSECT INTERVAL INTO IS ISOLATION
    JOIN KEY LANGUAGE LAST LATERAL LEADING LEFT LEVEL LIKE LIMIT LOCAL LOWER MATCH MAX MIN MISSING MODULE NAMES
    NATIONAL NATURAL NCHAR NEXT NO NOT NULL NULLIF NUMERIC OCTET_LENGTH OF ON ONLY OPEN OPTION OR ORDER OUTER OUTPUT
    OVERLAPS PAD PARTIAL PIVOT POSITION PRECISION PREPARE PRESERVE PRIMARY PRIOR PRIVILEGES PROCEDURE PUBLIC READ REAL
    REFERENCES RELATIVE REMOVE RESTRICT REVOKE RIGHT ROLLBACK ROWS SCHEMA SCROLL SECTION SELECT SESSION SESSION_USER
    SET SMALLINT SOME SPACE SQL SQLCODE SQLERROR SQLSTATE SUBSTRING SUM SYSTEM_USER TABLE
    TEMPORARY THEN TIME TIMESTAMP TO TRAILING TRANSACTION TRANSLATE TRANSLATION TRIM TRUE UNION UNIQUE UNKNOWN
    UNPIVOT UPDATE UPPER USAGE USER USING VALUE VALUES VARCHAR VARYING VIEW WHEN WHENEVER WHERE WITH WORK WRITE ZONE
    """.split()  # noqa: SIM905
)

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
    |"(?P<quoted>(?:[^"]|"")*)"
    |'(?P<string>(?:[^']|'')*)'
    |(?P<sign><<|>>|<=|>=|<>|!=|\|\||[-+*/%=<>()\[\]{},.:;?])
    """,
    re.VERBOSE | re.DOTALL,
)
END = Token(Kind.END, "")


def text_at(statement: str, index: int) -> tuple[str, str]:
    """The token of that index as it stands, and its place as AWS states it: line, column and length, from 1.

    Only what is refused needs it, so tokens don't carry it.
    """
    found = (match for match in _TOKEN.finditer(statement) if match.lastgroup != "space")
    match = next(islice(found, index, None))
    line = statement.count("\n", 0, match.start()) + 1
    column = match.start() - statement.rfind("\n", 0, match.start())
    return match[0], f"{line}:{column}:{len(match[0])}"


def tokens_of(statement: str) -> list[Token]:
    """The tokens, and END. Raises ValidationException at what can begin none."""
    tokens = []
    at = 0
    while at < len(statement):
        match = _TOKEN.match(statement, at)
        if match is None:
            raise not_well_formed("Unexpected character")
        at = match.end()
        kind, text = match.lastgroup, match[match.lastgroup]
        if kind == "space":
            continue
        if kind == "number":
            tokens.append(Token(Kind.NUMBER, text))
        elif kind == "word":
            word = text.upper()
            tokens.append(Token(Kind.KEYWORD, word) if word in RESERVED else Token(Kind.NAME, text))
        elif kind == "quoted":
            tokens.append(Token(Kind.NAME, text.replace('""', '"')))
        elif kind == "string":
            tokens.append(Token(Kind.STRING, text.replace("''", "'")))
        else:
            tokens.append(Token(Kind.SIGN, text))
    tokens.append(END)
    return tokens
