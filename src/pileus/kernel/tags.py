"""Resource tags as most services share them. Source: "Tag naming and usage conventions", Tagging AWS Resources guide."""

import re

MAX_TAGS = 50
MAX_KEY_CHARACTERS = 128
MAX_VALUE_CHARACTERS = 256
_ALLOWED = re.compile(r"^[\w\s.:/=+\-@]*$", re.UNICODE)


def tag_problem(tags: dict[str, str], *, own: bool = False) -> str | None:
    """What is wrong with `tags`, in words for the service's own error, or None. `own`: aws: keys are allowed."""
    if len(tags) > MAX_TAGS:
        return f"Too many tags: at most {MAX_TAGS} are allowed."
    for key, value in tags.items():
        if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
            return f"Tag keys must have 1 to {MAX_KEY_CHARACTERS} characters."
        if len(value) > MAX_VALUE_CHARACTERS:
            return f"Tag values must have at most {MAX_VALUE_CHARACTERS} characters."
        if key.lower().startswith("aws:") and not own:
            return "Tag keys beginning with aws: are reserved for system use."
        if not _ALLOWED.match(key) or not _ALLOWED.match(value):
            return "Tags may have letters, digits, spaces and the characters _ . : / = + - @ only."
    return None


def from_list(tags: list[dict] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """[{"Key": k, "Value": v}, …] as a dict; some services spell the members otherwise."""
    return {tag[key]: tag.get(value, "") for tag in tags or ()}


def to_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict]:
    return [{key: k, value: v} for k, v in tags.items()]
