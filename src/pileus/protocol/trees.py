"""Dicts of a tree format (JSON, CBOR) <-> dicts as the model spells them.

Most shapes need no work at all: what the format's parser returns is already right. `Mapper.build` says so by returning
None. Otherwise it returns a closure that copies only the way to what must change.
"""

from collections.abc import Callable

from .refusals import mismatch
from .shapes import Ref, Shape, in_body

Change = Callable[[object], object]


class Mapper:
    """Builds functions from a shape's wire form to ours (`incoming`) or back.

    leaf      gives the function that turns a scalar of a shape, or None where it passes as it is
    thorough  build for every shape: the result drops nulls and members unknown to the model
    """

    def __init__(
        self, shapes: dict[str, Shape], leaf: Callable[[Ref, Shape], Change | None], *, incoming: bool, thorough: bool
    ) -> None:
        self.shapes = shapes
        self.leaf = leaf
        self.incoming = incoming
        self.thorough = thorough
        self._built: dict[str, Change] = {}
        self._plain: dict[str, bool] = {}

    def is_plain(self, ref: Ref) -> bool:
        """Whether nothing below needs work: no scalar to turn, no member with another name on the wire."""
        if ref.shape in self._plain:
            return self._plain[ref.shape]
        seen: set[str] = set()
        waiting = [ref]
        while waiting:
            use = waiting.pop()
            shape = self.shapes[use.shape]
            if shape.type == "structure":
                if use.shape in seen:
                    continue
                renamed = any(m.locationName not in (None, name) for name, m in shape.members.items())
                if renamed or any(m.location is not None for m in shape.members.values()):
                    break
                waiting += shape.members.values()
            elif shape.type == "list":
                if use.shape not in seen:
                    waiting.append(shape.member)
            elif shape.type == "map":
                if use.shape not in seen:
                    waiting += (shape.key, shape.value)
            elif self.leaf(use, shape) is not None:
                break
            seen.add(use.shape)
        else:
            self._plain[ref.shape] = True
            return True
        self._plain[ref.shape] = False
        return False

    def build(self, ref: Ref) -> Change | None:
        shape = self.shapes[ref.shape]
        if shape.type not in ("structure", "list", "map"):
            return self.leaf(ref, shape)
        if shape.document or (not self.thorough and self.is_plain(ref)):
            return None
        if ref.shape not in self._built:
            getattr(self, "_" + shape.type)(ref.shape, shape)
        return self._built[ref.shape]

    def _structure(self, name: str, shape: Shape) -> None:
        slots: dict[str, tuple[str, Change | None]] = {}

        def change(value: object) -> object:
            if not isinstance(value, dict):
                raise mismatch(value, "structure")
            out = {}
            for key, inner in value.items():
                if inner is not None and (slot := slots.get(key)) is not None:
                    target, turn = slot
                    out[target] = inner if turn is None else turn(inner)
            return out

        self._built[name] = change  # before the members: a shape may contain itself
        for member, ref in shape.members.items():
            if in_body(ref, incoming=self.incoming):
                wire = ref.locationName or member
                slots[wire if self.incoming else member] = (member if self.incoming else wire, self.build(ref))

    def _list(self, name: str, shape: Shape) -> None:
        turn: Change | None = None
        sparse = shape.sparse

        def change(value: object) -> object:
            if not isinstance(value, list | tuple):
                raise mismatch(value, "list")
            if sparse:
                return [inner if inner is None or turn is None else turn(inner) for inner in value]
            if turn is None:
                return [inner for inner in value if inner is not None]
            return [turn(inner) for inner in value if inner is not None]

        self._built[name] = change
        turn = self.build(shape.member)

    def _map(self, name: str, shape: Shape) -> None:
        turn: Change | None = None
        sparse = shape.sparse

        def change(value: object) -> object:
            if not isinstance(value, dict):
                raise mismatch(value, "map")
            return {
                key: inner if inner is None or turn is None else turn(inner)
                for key, inner in value.items()
                if sparse or inner is not None
            }

        self._built[name] = change
        turn = self.build(shape.value)
