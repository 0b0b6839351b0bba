"""Differences of two documents: words of text, values of JSON."""

import difflib
import json
import re

MOST_CHANGES = 200
"""A log line is no patch file: beyond this only the count is told."""

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def compare(key: str, old: bytes, new: bytes) -> dict:
    """{"kind": "json" | "text" | "binary", "count": changes, "changes": [the first of them]}

    A JSON document that does not parse is compared as text, a text that is no UTF-8 as bytes.
    """
    if key.lower().endswith(".json"):
        try:
            return _result("json", json_changes(json.loads(old), json.loads(new)))
        except ValueError:
            pass
    try:
        return _result("text", word_changes(old.decode(), new.decode()))
    except UnicodeDecodeError:
        changes = [] if old == new else [{"removed": f"{len(old)} bytes", "added": f"{len(new)} bytes"}]
        return _result("binary", changes)


def _result(kind: str, changes: list[dict]) -> dict:
    return {"kind": kind, "count": len(changes), "changes": changes[:MOST_CHANGES]}


def word_changes(old: str, new: str) -> list[dict]:
    """The runs of words that were taken out or put in: [{"line": in the new text, "removed": str, "added": str}]

    Lines first, then words within the lines that differ: comparing all words of a long text at once takes minutes.
    """
    old_lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    changes: list[dict] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False).get_opcodes():
        if tag != "equal":
            changes += _changed_words("".join(old_lines[a:b]), "".join(new_lines[c:d]), c + 1)
    return changes


def _changed_words(old: str, new: str, first_line: int) -> list[dict]:
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    changes, reached = [], None
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gap = "".join(before[reached:a]) if reached is not None else "x"
        if gap.isspace():  # a reader sees one change where only a space stayed between two
            changes[-1]["removed"] += gap + "".join(before[a:b])
            changes[-1]["added"] += gap + "".join(after[c:d])
        else:
            line = first_line + "".join(after[:c]).count("\n")
            changes.append({"line": line, "removed": "".join(before[a:b]), "added": "".join(after[c:d])})
        reached = b
    return changes


def json_changes(old: object, new: object, path: str = "$") -> list[dict]:
    """Added, removed and changed values with their paths; the order of an object's members does not matter."""
    if isinstance(old, dict) and isinstance(new, dict):
        changes = []
        for name in [*old, *(name for name in new if name not in old)]:
            inner = f"{path}.{name}" if name.isidentifier() else f"{path}[{json.dumps(name, ensure_ascii=False)}]"
            if name not in new:
                changes.append({"path": inner, "removed": old[name]})
            elif name not in old:
                changes.append({"path": inner, "added": new[name]})
            else:
                changes += json_changes(old[name], new[name], inner)
        return changes
    if isinstance(old, list) and isinstance(new, list):
        return _list_changes(old, new, path)
    if old == new and isinstance(old, bool) == isinstance(new, bool):
        return []
    return [{"path": path, "removed": old, "added": new}]


def _list_changes(old: list, new: list, path: str) -> list[dict]:
    before, after = [json.dumps(x, sort_keys=True) for x in old], [json.dumps(x, sort_keys=True) for x in new]
    changes: list[dict] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        both = min(b - a, d - c)
        for step in range(both):
            changes += json_changes(old[a + step], new[c + step], f"{path}[{c + step}]")
        changes += [{"path": f"{path}[{at}]", "removed": old[at]} for at in range(a + both, b)]
        changes += [{"path": f"{path}[{at}]", "added": new[at]} for at in range(c + both, d)]
    return changes
