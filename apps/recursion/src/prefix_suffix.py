"""Design 1: the notification takes original/*.txt only, and no output has such a key."""

from notices import Notice, handle_each
from objects import find, process

PREFIX = "original/"
"""As in the template's filter."""


def handler(event, context):
    handle_each(event, context, strip)


def strip(notice: Notice) -> str:
    found = find(notice.bucket, notice.key)
    if found is None:
        return "gone"
    return process(found, notice.bucket, output_key(notice.key))


def output_key(key: str) -> str:
    """The key without its prefix, however often it is there: "original/original/a.txt" must not invoke us again."""
    while key.startswith(PREFIX):
        key = key.removeprefix(PREFIX)
    return key
