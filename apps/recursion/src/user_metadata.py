"""Design 2: who uploads marks the object as an original; what we write in its place is not marked, and is left alone."""

from notices import Notice, handle_each
from objects import find, process_in_place

MARK = "original"


def handler(event, context):
    handle_each(event, context, overwrite)


def overwrite(notice: Notice) -> str:
    found = find(notice.bucket, notice.key)
    if found is None:
        return "gone"
    if not is_original(found["Metadata"]):
        found["Body"].close()
        return "skipped"
    return process_in_place(found, notice.bucket, notice.key, unmarked(found["Metadata"]))


def is_original(metadata: dict[str, str]) -> bool:
    return metadata.get(MARK) == "true"


def unmarked(metadata: dict[str, str]) -> dict[str, str]:
    """All other metadata is the uploader's and stays."""
    return {name: value for name, value in metadata.items() if name != MARK}
