"""The query protocols, `query` and `ec2`: forms in, XML out.

Source: Smithy 2.0 specification, "AWS query protocol" and "AWS EC2 query protocol".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pileus.kernel.http import HttpRequest, HttpResponse

from . import scalars, xml
from .refusals import MalformedInput
from .shapes import Ref, Shape

if TYPE_CHECKING:
    from .models import Api, Operation

PROTOCOL = "query"
DEPTH_LIMIT = 40
"""Parts of a parameter's name; the deepest of AWS's models have about ten."""
_TEXT = ("Content-Type", "text/xml")

# A form as a tree: "A.B.1=x" is {"A": {"B": {"1": "x"}}}. Where a name has both text and parts, the text is under "".
Tree = dict


def grow(pairs: list[tuple[str, str]]) -> Tree:
    tree: Tree = {}
    for name, text in pairs:
        if "." not in name:
            if isinstance(tree.get(name), dict):
                tree[name].setdefault("", text)
            else:
                tree.setdefault(name, text)
            continue
        *path, last = name.split(".")
        if len(path) >= DEPTH_LIMIT:
            raise MalformedInput(f"The parameter name is too deep: {name[:100]}")
        at = tree
        for part in path:
            below = at.get(part)
            if not isinstance(below, dict):
                below = at[part] = {} if below is None else {"": below}
            at = below
        if isinstance(at.get(last), dict):
            at[last].setdefault("", text)
        else:
            at.setdefault(last, text)
    return tree


def pairs_of(request: HttpRequest, body: bytes) -> list[tuple[str, str]]:
    """The parameters of the query string and of the form."""
    try:
        pairs = parse_qsl(request.query, keep_blank_values=True) if request.query else []
        return pairs + parse_qsl(body.decode(), keep_blank_values=True)
    except (UnicodeDecodeError, ValueError) as error:
        raise MalformedInput("The form is not well-formed.") from error


Read = Callable[[object], object]


class FormReader:
    """Builds readers: functions from a branch of the tree (a dict, or text) to a value."""

    def __init__(self, shapes: dict[str, Shape], is_ec2: bool) -> None:
        self.shapes = shapes
        self.is_ec2 = is_ec2
        self._structures: dict[str, Read] = {}

    def value(self, ref: Ref, *, flat: bool = False) -> Read:
        shape = self.shapes[ref.shape]
        if shape.type == "structure":
            return self._structure(ref.shape, shape)
        if shape.type == "list":
            return self._list(ref, shape, flat or xml.is_flat(ref, self.shapes))
        if shape.type == "map":
            return self._map(shape, flat or xml.is_flat(ref, self.shapes))
        return self._scalar(shape)

    def _scalar(self, shape: Shape) -> Read:
        turn = scalars.TEXT_READERS[shape.type]

        def read(branch: object) -> object:
            if isinstance(branch, dict):
                branch = branch.get("")
                if branch is None:
                    raise MalformedInput("Start of structure or map found where not expected.")
            try:
                return turn(branch)
            except (ValueError, IndexError) as error:
                raise MalformedInput(str(error)) from error

        return read

    def _structure(self, name: str, shape: Shape) -> Read:
        if name in self._structures:
            return self._structures[name]
        slots: dict[str, tuple[str, Read]] = {}

        def read(branch: object) -> dict:
            out: dict = {}
            if isinstance(branch, dict):
                for key, below in branch.items():
                    slot = slots.get(key)
                    if slot is not None:
                        out[slot[0]] = slot[1](below)
            return out

        self._structures[name] = read
        for member, ref in shape.members.items():
            turn = self.value(ref)
            for wire in self._spellings(member, ref):
                slots.setdefault(wire, (member, turn))
        return read

    def _spellings(self, member: str, ref: Ref) -> list[str]:
        """The names a member may have, the model's first."""
        if self.is_ec2:
            named = ref.queryName or (ref.locationName and ref.locationName[0].upper() + ref.locationName[1:])
            return [named] if named else [member[0].upper() + member[1:], member]
        names = [xml.member_name(member, ref, self.shapes)]
        shape = self.shapes[ref.shape]
        if shape.type == "list" and xml.is_flat(ref, self.shapes) and shape.member.locationName:
            names.append(shape.member.locationName)  # as botocore spells flattened lists
        return names

    def _list(self, ref: Ref, shape: Shape, flat: bool) -> Read:
        item = self.value(shape.member)
        inner = None if flat or self.is_ec2 else shape.member.locationName or "member"

        def read(branch: object) -> list:
            if not isinstance(branch, dict):
                return []  # "Name=": an empty list
            if inner is not None:
                # Some clients leave the inner name out, others always say "member".
                branch = branch.get(inner) or branch.get("member") or branch
                if not isinstance(branch, dict):
                    return []
            return [item(below) for _, below in _numbered(branch)]

        return read

    def _map(self, shape: Shape, flat: bool) -> Read:
        key_name = shape.key.locationName or "key"
        value_name = shape.value.locationName or "value"
        read_key = self.value(shape.key)
        read_value = self.value(shape.value)

        def read(branch: object) -> dict:
            if isinstance(branch, dict) and not flat:
                branch = branch.get("entry", branch)
            if not isinstance(branch, dict):
                return {}
            out = {}
            for _, entry in _numbered(branch):
                if not isinstance(entry, dict) or key_name not in entry or value_name not in entry:
                    raise MalformedInput(f"A map's entry needs {key_name} and {value_name}.")
                out[read_key(entry[key_name])] = read_value(entry[value_name])
            return out

        return read


def _numbered(branch: Tree) -> list[tuple[int, object]]:
    """The children whose names are numbers, in their order."""
    found = [(int(key), below) for key, below in branch.items() if key.isdecimal() and key.isascii() and len(key) < 10]
    found.sort(key=lambda pair: pair[0])
    return found


def reader(op: Operation, protocol: str) -> Callable[[HttpRequest, bytes, dict | None], dict]:
    if op.input is None:
        return lambda request, body, labels: {}
    turn = FormReader(op.shapes(protocol), protocol == "ec2").value(op.input)
    named = op.api.overlay.member_in_url
    if named not in op.shapes(protocol)[op.input.shape].members:
        return lambda request, body, labels: turn(grow(pairs_of(request, body)))

    def read(request: HttpRequest, body: bytes, labels: dict | None) -> dict:
        params = turn(grow(pairs_of(request, body)))
        path = request.path.rstrip("/")
        if path and named not in params:
            params[named] = f"{request.scheme}://{request.host}{path}"
        return params

    return read


def writer(op: Operation, protocol: str) -> Callable[[dict, str], HttpResponse]:
    is_ec2 = protocol == "ec2"
    name = op.name
    start = f"<{name}Response{xml.namespace_attribute(op.api.namespace)}>"
    wrapper = None if is_ec2 or op.output is None else op.output.resultWrapper or f"{name}Result"
    content = None
    if op.output is not None:
        content = xml.Writer(op.shapes(protocol)).content(op.output)
    content_type = ("Content-Type", "text/xml;charset=UTF-8") if is_ec2 else _TEXT

    def respond(result: dict, request_id: str) -> HttpResponse:
        pieces = [start]
        put = pieces.append
        if is_ec2:
            put(f"<requestId>{request_id}</requestId>")
        if content is not None:
            if wrapper is not None:
                put(f"<{wrapper}>")
            content(result, put)
            if wrapper is not None:
                put(f"</{wrapper}>")
        if not is_ec2:
            put(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
        put(f"</{name}Response>")
        return HttpResponse(200, [("x-amzn-RequestId", request_id), content_type], "".join(pieces).encode())

    return respond


def error_writer(api: Api, protocol: str) -> Callable:
    space = xml.namespace_attribute(api.namespace)

    def respond(told, request_id: str) -> HttpResponse:
        code = f"<Code>{xml.escape(told.code)}</Code>{told.xml_message()}{told.xml_members()}"
        if protocol == "ec2":
            text = f"<Response><Errors><Error>{code}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        else:
            error = f"<Error><Type>{told.fault}</Type>{code}</Error>"
            text = f"<ErrorResponse{space}>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
        return HttpResponse(told.status, [("x-amzn-RequestId", request_id), _TEXT], text.encode())

    return respond
