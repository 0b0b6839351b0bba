"""Items as Amazon Ion text, one value a line: what exports write and imports read.

    S string, N decimal, B blob, BOOL bool, NULL null, L list, M struct, SS/NS/BS lists annotated with $dynamodb_…

The library is imported at the first use: it takes longer to load than most calls take, and few ever need it. Its C part
writes; what others wrote is read by its Python part, ten times slower, as garbage makes the C part (0.15) write where it
must not and takes the process with it.
Source: DynamoDB developer guide, "DynamoDB table export output format" ("Amazon Ion"); Amazon Ion 1.0 specification.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from io import StringIO
from types import SimpleNamespace
from typing import Any

from pileus.kernel.errors import NotImplementedByUs

SET_ANNOTATIONS = {"$dynamodb_SS": "SS", "$dynamodb_NS": "NS", "$dynamodb_BS": "BS"}
_ANNOTATION_OF = {kind: annotation for annotation, kind in SET_ANNOTATIONS.items()}

_RAISED_AT_GARBAGE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, StopIteration)
"""By the library, besides its own."""


def require() -> None:
    """Raise NotImplementedByUs where the library is not installed: it is an extra, as it brings numpy along."""
    if find_spec("amazon") is None or find_spec("amazon.ion") is None:
        raise NotImplementedByUs("Amazon Ion without its library (pip install 'pileus[ion]')")


class NotIon(ValueError):
    """Text that is no Ion, or a value that DynamoDB has no type for."""


def line(document: dict[str, Any]) -> bytes:
    """One line, with its version marker. `document`: texts to plain values, or to what `struct` gives."""
    return _ion().simpleion.dumps(document, binary=False).encode()


def struct(item: dict) -> dict[str, Any]:
    """An item as the library's values."""
    return {name: _out(value) for name, value in item.items()}


def read_line(text: bytes) -> Mapping[str, Any]:
    """The one struct of a line. Raises NotIon."""
    ion = _ion()
    try:
        values = ion.simpleion.load_python(StringIO(text.decode()), single_value=False)
    except (ion.IonException, *_RAISED_AT_GARBAGE) as error:
        raise NotIon(str(error) or "Not an Ion value") from error
    if len(values) != 1 or not isinstance(values[0], Mapping):
        raise NotIon("A line must hold one Ion struct")
    return values[0]


def item(value: Any) -> dict:
    """The item of a struct as AttributeValues that `read_item` still has to check. Raises NotIon."""
    if not isinstance(value, Mapping):
        raise NotIon("Item must be an Ion struct")
    return {str(name): _in(member) for name, member in value.items()}


@cache
def _ion() -> SimpleNamespace:
    from amazon.ion import simple_types, simpleion
    from amazon.ion.core import IonType
    from amazon.ion.exceptions import IonException

    return SimpleNamespace(simpleion=simpleion, types=simple_types, IonType=IonType, IonException=IonException)


def _out(value: dict) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return Decimal(content)
    if kind == "NULL":
        return None
    if kind == "L":
        return [_out(member) for member in content]
    if kind == "M":
        return struct(content)
    if kind in _ANNOTATION_OF:
        members = [Decimal(member) for member in content] if kind == "NS" else content
        ion = _ion()
        return ion.types.IonPyList.from_value(ion.IonType.LIST, members, (_ANNOTATION_OF[kind],))
    return content


def _in(value: Any) -> dict:
    ion = _ion()
    kind = getattr(value, "ion_type", None)
    if value is None or kind is ion.IonType.NULL:
        return {"NULL": True}
    if isinstance(value, ion.types.IonPyNull):
        raise NotIon("A typed Ion null has no type in DynamoDB")
    if isinstance(value, bool) or kind is ion.IonType.BOOL:
        return {"BOOL": bool(value)}
    if isinstance(value, (int, float, Decimal)):
        return {"N": str(Decimal(str(value)) if isinstance(value, float) else value)}
    if isinstance(value, bytes):
        return {"B": bytes(value)}
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, Mapping):
        return {"M": item(value)}
    if isinstance(value, list) and kind is not ion.IonType.SEXP:
        return _list_in(value)
    if isinstance(value, ion.types.IonPySymbol):
        return {"S": value.text or ""}
    raise NotIon(f"An Ion {kind.name.lower() if kind else type(value).__name__} has no type in DynamoDB")


def _list_in(values: list) -> dict:
    annotations = [annotation.text for annotation in getattr(values, "ion_annotations", ())]
    members = [_in(member) for member in values]
    for annotation in annotations:
        kind = SET_ANNOTATIONS.get(annotation)
        if kind is None:
            continue
        of = kind[0]
        if any(of not in member for member in members):
            raise NotIon(f"A list annotated {annotation} holds another type than {of}")
        return {kind: [member[of] for member in members]}
    return {"L": members}
