"""Templates: the shell's own and those of the services' folders, and what they may use."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from pileus.kernel.clock import iso8601

TEMPLATES = Path(__file__).parent / "templates"
GOOD = frozenset(
    ["ACTIVE", "AVAILABLE", "COMPLETED", "CREATE_COMPLETE", "ENABLED", "OPEN", "SUCCESSFUL", "UPDATE_COMPLETE"]
)
BAD = ("ALARM", "DELETE_FAILED", "FAILED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ROLLBACK", "Failed")


class Templates(Environment):
    """A dot on a dict means its member, be it named `keys` or `items`; on all else it means what it means in Python."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def environment(folders: Mapping[str, str]) -> Environment:
    """`folders`: of each service, where its templates are; theirs are named "service/file.html"."""
    services: dict[str, BaseLoader] = {name: FileSystemLoader(folder) for name, folder in folders.items()}
    loader = ChoiceLoader([FileSystemLoader(TEMPLATES), PrefixLoader(services)])
    env = Templates(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {
        "moment": moment,
        "size": size,
        "json": pretty,
        "tone": tone,
        "number": number,
        "tag_pairs": tag_pairs,
    }
    return env


def moment(value: Any) -> str:
    """A time as answers carry it (a datetime, or seconds or milliseconds since the epoch), in UTC; "" for none."""
    if value in (None, ""):
        return ""
    if hasattr(value, "timestamp"):
        value = value.timestamp()
    elif isinstance(value, str):
        if not value.isdecimal():
            return value
        value = int(value)
    ms = int(value if value > 1e11 else value * 1000)
    return iso8601(ms)[:19].replace("T", " ")


def size(count: int | None) -> str:
    """Bytes for people: 1.5 KiB."""
    if count is None:
        return ""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def tag_pairs(tags: Mapping[str, str] | Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Tags by key, of either form in which AWS writes them."""
    return sorted(tags.items() if isinstance(tags, Mapping) else ((tag["Key"], tag["Value"]) for tag in tags))


def pretty(value: Any) -> str:
    """JSON for people, of a value or of the text of one; text that is no JSON stays as it is."""
    if isinstance(value, str | bytes):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return value.decode(errors="replace") if isinstance(value, bytes) else value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode()


def tone(status: str) -> str:
    """Which colour a status has: good, bad, or (on its way) busy."""
    if status.upper() in GOOD:
        return "good"
    if any(status.startswith(bad) or status.endswith(bad) for bad in BAD):
        return "bad"
    return "busy" if status.upper().endswith(("ING", "PROGRESS")) else "plain"
