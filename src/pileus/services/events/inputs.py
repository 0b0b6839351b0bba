"""What a target gets of an event: all of it, a part (InputPath), a constant (Input), or a text made of parts of it
(InputTransformer).

In a template `<name>` stands for what the path of that name leads to. Inside of a JSON string its text is put in,
escaped; outside of strings it is JSON: a text in quotes, a number, an object.

Source: EventBridge user guide, "Amazon EventBridge input transformation"; API reference, Target and InputTransformer.
"""

import json
import re
from functools import lru_cache
from typing import Any

import orjson

from pileus.kernel.clock import iso8601

WAYS = ("Input", "InputPath", "InputTransformer")

_STEP = re.compile(r"\.(\*|[^.\[\]]+)|\[(\d+|\*)\]|\[(?:'([^']+)'|\"([^\"]+)\")\]")
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")
_RAW = ("aws.events.event", "aws.events.event.json")
"""Never escaped: "use it only as the value of a JSON field", says the user guide."""
RESERVED = ("aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time", *_RAW)

MISSING = object()


class InvalidInput(Exception):
    """Its text says what is wrong with a target's input, for the operation's error."""


def input_for(target: dict, event: dict, *, rule_arn: str, rule_name: str, received_ms: int) -> str:
    """The text that the target is sent."""
    if target.get("Input") is not None:
        return target["Input"]
    if target.get("InputPath") is not None:
        found = value_at(event, target["InputPath"])
        return _json(None if found is MISSING else found)
    transformer = target.get("InputTransformer")
    if transformer is None:
        return _json(event)
    values = {name: value_at(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_name,
        "aws.events.event.ingestion-time": f"{iso8601(received_ms)[:19]}Z",
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }
    return _filled(transformer["InputTemplate"], values)


def check(target: dict) -> None:
    """Raise InvalidInput, in AWS's words."""
    target_id = target["Id"]
    if sum(target.get(way) is not None for way in WAYS) > 1:
        raise InvalidInput(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {target_id}."
        )
    if target.get("Input") is not None and not _is_json(target["Input"]):
        raise InvalidInput(f"Input for target {target_id} is not a valid JSON text.")
    if target.get("InputPath") is not None:
        _check_path(target["InputPath"], f"InputPath for target {target_id}")
    transformer = target.get("InputTransformer")
    if transformer is None:
        return
    paths = transformer.get("InputPathsMap", {})
    for name, path in paths.items():
        if name.lower().startswith("aws"):
            raise InvalidInput(f"InputPathsMap for target {target_id} contains a reserved name: {name}.")
        _check_path(path, f"InputPathsMap for target {target_id}")
    template = transformer["InputTemplate"]
    for name in _PLACEHOLDER.findall(template):
        if name not in paths and name not in RESERVED:
            raise InvalidInput(f"InputTemplate for target {target_id} contains invalid placeholder {name}.")
    trial = _filled(template, dict.fromkeys((*paths, *RESERVED), 0))
    # Several quoted strings, a line each, are a template too.
    if not _is_json(trial) and not all(_is_json(line) for line in trial.splitlines() if line.strip()):
        raise InvalidInput(f'Invalid InputTemplate for target {target_id} : [Source: (String)"{template}"; line: 1].')


# Paths


def value_at(event: dict, path: str) -> Any:
    """What the path leads to, MISSING if it leads nowhere. A wildcard gives a list of all that is there."""
    found, is_many = [event], False
    for step in _steps(path):
        is_many = is_many or step == "*"
        found = [inner for value in found for inner in _below(value, step)]
    if is_many:
        return found
    return found[0] if found else MISSING


def _below(value: Any, step: str | int) -> list:
    if step == "*":
        return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(step, int):
        return [value[step]] if isinstance(value, list) and step < len(value) else []
    return [value[step]] if isinstance(value, dict) and step in value else []


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[str | int, ...]:
    """Raises InvalidInput."""
    steps: list[str | int] = []
    at = 1
    # "$." is the whole event, as "$" is.
    while at < len(path) and path != "$.":
        read = _STEP.match(path, at)
        if read is None:
            break
        name, index, single, double = read.groups()
        steps.append(index if index == "*" else int(index) if index else name or single or double)
        at = read.end()
    if not path.startswith("$") or (at < len(path) and path != "$."):
        raise InvalidInput(f"Invalid JSON path {path}")
    return tuple(steps)


def _check_path(path: str, place: str) -> None:
    try:
        _steps(path)
    except InvalidInput as error:
        raise InvalidInput(f"{place} is not valid: {error}.") from None


# Templates


def _filled(template: str, values: dict[str, Any]) -> str:
    out: list[str] = []
    is_in_string = False
    at = 0
    while at < len(template):
        placeholder = _PLACEHOLDER.match(template, at)
        if placeholder is not None and placeholder[1] in values:
            out.append(_put_in(placeholder[1], values[placeholder[1]], is_in_string))
            at = placeholder.end()
            continue
        character = template[at]
        if is_in_string and character == "\\":
            out.append(template[at : at + 2])
            at += 2
            continue
        if character == '"':
            is_in_string = not is_in_string
        out.append(character)
        at += 1
    return "".join(out)


def _put_in(name: str, value: Any, is_in_string: bool) -> str:
    if value is MISSING:
        return "" if is_in_string else '""'
    if not is_in_string or name in _RAW:
        return _json(value)
    text = value if isinstance(value, str) else _json(value)
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
