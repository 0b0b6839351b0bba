"""What the tests of this service are made of: zips of a few lines, trust and policies."""

import io
import json
import zipfile

ECHO = "def handler(event, context):\n    return event\n"

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def zipped(source: str = ECHO, name: str = "index.py", **more: str) -> bytes:
    """A package with one file, and more by name (dots as two underscores)."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in {name: source, **more}.items():
            archive.writestr(zipfile.ZipInfo(path.replace("__", ".")), text)
    return data.getvalue()


def allow(*actions: str, resource: str = "*") -> str:
    """A policy document."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
