"""The work of this application: lines are numbered. Doing it twice shows, which is the point of the choice."""


def number_lines(body: bytes) -> bytes:
    """b"a\\nb" becomes b"1: a\\n2: b". Any bytes will do; an empty body stays empty."""
    return b"".join(b"%d: %b" % (number, line) for number, line in enumerate(body.splitlines(keepends=True), 1))
