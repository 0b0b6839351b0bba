"""The mistake: write to the bucket and key whose events invoke us, without asking whose object it is."""

import os

from notices import Notice, handle_each
from objects import find, process_in_place

ROUND = "round"


def handler(event, context):
    handle_each(event, context, overwrite)


def overwrite(notice: Notice) -> str:
    found = find(notice.bucket, notice.key)
    if found is None:
        return "gone"
    number = int(found["Metadata"].get(ROUND, "0")) + 1
    if number > int(os.environ["FUSE"]):  # a demonstration must not ruin anybody who forgets it
        return "blown"
    return process_in_place(found, notice.bucket, notice.key, {ROUND: str(number)})
