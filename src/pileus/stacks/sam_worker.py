"""The process that runs the SAM transform: `python -m pileus.stacks.sam_worker`, started by sam.py.

A process of its own because the library brings boto3, pydantic and its schemas: 47 MiB and over half a second, more
than half of what all of Pileus may take. It ends by itself when nobody has asked for a while, or its parent is gone.

On its standard input and output: an eight-digit length, then that many bytes of JSON, one answer a request.
"""

import json
import logging
import os
import select
import sys
from typing import Any, BinaryIO

IDLE_S = 60
"""A build deploys a few stacks one after another; then nothing for long."""


class _Session:
    """All that the library asks of a boto3 session: no credentials, no network."""

    def __init__(self, region: str) -> None:
        self.region_name = region


def expand(request: dict[str, Any]) -> dict[str, Any]:
    """{"body", "parameters", "region", "managed_policies"} -> {"body"} or {"message", "causes"}."""
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template

    # The library asks boto3's own session for the region here and there.
    os.environ["AWS_DEFAULT_REGION"] = request["region"]
    body, parameters, policies = request["body"], request["parameters"], request["managed_policies"]
    translator = Translator(policies, Parser(), boto_session=_Session(request["region"]))
    try:
        # Deployment ids are hashes over the printed form that Python 2.7 gave: without this an API's deployment would
        # be named otherwise than on AWS.
        to_py27_compatible_template(body, parameters)
        expanded = translator.translate(body, parameters, get_managed_policy_map=lambda: policies)
    except InvalidDocumentException as error:
        return {"message": error.message, "causes": [cause.message for cause in error.causes]}
    return {"body": undo_mark_unicode_str_in_template(expanded)}


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    while select.select([requests], [], [], IDLE_S)[0]:
        length = requests.read(8)
        if len(length) < 8:
            return
        request = json.loads(requests.read(int(length)))
        try:
            answer = expand(request)
        except Exception as error:  # the edge of this process: the library's surprises are the caller's to report
            answer = {"surprise": f"{type(error).__name__}: {error}"}
        data = json.dumps(answer).encode()
        answers.write(b"%08d" % len(data) + data)
        answers.flush()


if __name__ == "__main__":
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns about its own metrics, each time
    # Unbuffered, so that select sees all there is. The library may print; that must not mix with the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = os.fdopen(0, "rb", buffering=0)

    class Whole:
        """Reads of exactly the length asked for, as long as there is input."""

        def fileno(self) -> int:
            return requests.fileno()

        def read(self, size: int) -> bytes:
            data = b""
            while len(data) < size and (more := requests.read(size - len(data))):
                data += more
            return data

    serve(Whole(), answers)
    sys.exit(0)
