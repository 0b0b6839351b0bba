"""Design 0, to be preferred: read from one bucket, write to another, whose events invoke nobody."""

import os

from notices import Notice, handle_each
from objects import find, process


def handler(event, context):
    handle_each(event, context, copy)


def copy(notice: Notice) -> str:
    found = find(notice.bucket, notice.key)
    if found is None:
        return "gone"
    return process(found, os.environ["PROCESSED_BUCKET"], notice.key)
