"""How a Python function's log lines look. Source: developer guide, "Log and monitor Python Lambda functions".

A record may span lines and is still one log event, so it is framed on its way: FRAME, its length, its bytes. It takes
the same pipe as what is printed, which keeps the two in order.
"""

import json
import logging
import os
import struct
import sys
import time

FRAME = b"\xa5\x5a\x00\x03"
"""No text starts like this: it is not UTF-8."""

LEVELS = {"TRACE": logging.DEBUG, "FATAL": logging.CRITICAL}


def write_frame(text):
    content = text.encode("utf-8", "backslashreplace")
    data = FRAME + struct.pack("!I", len(content)) + content
    while data:
        data = data[os.write(1, data) :]


class Handler(logging.Handler):
    def emit(self, record):
        try:
            sys.stdout.flush()
            write_frame(self.format(record))
        except Exception:  # the logging module's own contract: logging never breaks the program
            self.handleError(record)


class JsonFormatter(logging.Formatter):
    converter = time.gmtime

    def format(self, record):
        line = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0]:
            line["errorType"] = record.exc_info[0].__name__
            line["errorMessage"] = str(record.exc_info[1])
            line["stackTrace"] = self.formatException(record.exc_info).splitlines()
        if record.aws_request_id:
            line["requestId"] = record.aws_request_id
        return json.dumps(line, ensure_ascii=False) + "\n"


class Logging:
    """The root logger's handler, and the id of the request that is running."""

    def __init__(self):
        self.request_id = None
        self.as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "Text").upper() == "JSON"
        if self.as_json:
            formatter = JsonFormatter()
        else:
            formatter = logging.Formatter(
                "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"
            )
            formatter.converter = time.gmtime
        handler = Handler()
        handler.setFormatter(formatter)
        handler.addFilter(self)
        root = logging.getLogger()
        root.handlers[:] = [handler]
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL")
        if level:
            root.setLevel(LEVELS.get(level.upper(), level.upper()))

    def filter(self, record):
        record.aws_request_id = self.request_id or ""
        return True

    def write_error(self, report):
        """The log entry of an error that the handler let through."""
        if self.as_json:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            line = {"timestamp": now, "log_level": "ERROR", **report}
            write_frame(json.dumps(line, ensure_ascii=False) + "\n")
            return
        text = "[ERROR] {}: {}".format(report["errorType"], report["errorMessage"])
        if report["stackTrace"]:
            # Without these spaces that do not break, viewers would trim the indentation.
            trace = "".join(report["stackTrace"]).rstrip("\n")
            lines = [self.indented(line) for line in trace.split("\n")]
            text += "\nTraceback (most recent call last):\n" + "\n".join(lines)
        write_frame(text + "\n")

    @staticmethod
    def indented(line):
        stripped = line.lstrip(" ")
        return "\u00a0" * (len(line) - len(stripped)) + stripped
