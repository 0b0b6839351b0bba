"""The Python runtime: loads the handler, then asks the Runtime API for events one after the other.

Speaks the real Runtime API over a plain socket (http.client would cost more than all the rest of a warm invocation).
The answer to one event and the question for the next travel together.

Sources: Lambda developer guide, "Using the Lambda runtime API", "Lambda function handler in Python", "Log and monitor
Python Lambda functions", "Python context object"; error names as the managed runtime reports them.
"""

import contextlib
import importlib
import json
import os
import socket
import sys
import time
import traceback

from bootstraps import python_context, python_logging, python_names

API = "/2018-06-01/runtime/"


def main(settings):
    time.tzset()
    sys.argv[:] = ["/var/runtime/bootstrap.py"]
    sys.stdout = sys.__stdout__ = printer(1)
    sys.stderr = sys.__stderr__ = printer(2)
    set_path(settings)
    if settings["names"]:
        python_names.redirect(*settings["names"])
    loop = Loop(settings)
    for name in loaded["bootstraps"]:
        sys.modules.pop(name, None)  # the name belongs to the function
    loop.run()


def printer(fd):
    """A text stream whose lines leave at once: what was printed before a crash is in the log."""
    return open(fd, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


loaded = {}
"""The names of loaded modules by their first part. Noted in the zygote: to walk over the modules themselves would write
to (the reference counts in) most of the memory that is shared with it."""
bundled = set()
"""Which of these first parts are packages of the runtime, not of the standard library."""
KEPT = {"os", "sys", "site", "encodings", "codecs", "io", "abc", "bootstraps", *sys.builtin_module_names}


def note_loaded(site):
    prefix = site.rstrip("/") + "/"
    for name, module in list(sys.modules.items()):
        first = name.partition(".")[0]
        loaded.setdefault(first, []).append(name)
        if first != "bootstraps" and (getattr(module, "__file__", None) or "").startswith(prefix):
            bundled.add(first)


def set_path(settings):
    """The function's own modules first, then its layers', then the runtime's, as on AWS.

    What the zygote has imported already would win over all of them; so what the function brings itself is forgotten
    here: the runtime's packages together (they depend on each other), modules of the standard library one by one.
    """
    task, opt, runtime = settings["task_root"], settings["opt_root"], settings["site"]
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    requested = settings["runtime"]
    layers = [opt + "/python/lib/" + name + "/site-packages" for name in dict.fromkeys((requested, version))]
    extra = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part not in ("", runtime)]
    own = [task, *extra, *layers, opt + "/python"]
    sys.path[:] = list(dict.fromkeys([*own, runtime, *(path for path in sys.path if path != runtime)]))
    sys.path_importer_cache.clear()
    if not loaded:
        note_loaded(runtime)
    brought = set()
    for folder in own:
        with contextlib.suppress(OSError):
            brought.update(name.partition(".")[0] for name in os.listdir(folder))
    brought = {name for name in brought if name in loaded} - KEPT
    gone = (brought - bundled) | (bundled if brought & bundled else set())
    for first in gone:
        for name in loaded[first]:
            sys.modules.pop(name, None)


class Fault(Exception):
    """An error of the runtime's own, by the name AWS gives it."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace or []


class Loop:
    def __init__(self, settings):
        self.runtime = settings["runtime"]
        self.logging = python_logging.Logging()
        self.context = python_context
        host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = self.socket.makefile("rb")
        self.secret = settings["secret"]
        self.host = f"{host}:{port}"
        # From Python 3.12 on the managed runtime leaves characters beyond ASCII as they are.
        minor = self.runtime.partition("python3.")[2]
        self.ascii = minor.isdigit() and int(minor) < 12

    def run(self):
        try:
            handler = load_handler(os.environ["_HANDLER"])
        except Fault as fault:
            self.init_failed(error_report(fault.kind, fault.message, fault.trace, ""))
        except Exception as error:  # the function's own code raised it at import
            self.init_failed(report_of(error, ""))
        question = self.request("GET", "invocation/next")
        self.socket.sendall(question)
        while True:
            headers, body = self.answer()
            request_id = headers["lambda-runtime-aws-request-id"]
            outcome = self.handle(handler, headers, body, request_id)
            sys.stdout.flush()
            sys.stderr.flush()
            self.logging.request_id = None
            self.socket.sendall(outcome + question)
            self.answer()

    def handle(self, handler, headers, body, request_id):
        """Run the handler on one event; returns the HTTP request that tells its outcome."""
        self.logging.request_id = request_id
        trace_id = headers.get("lambda-runtime-trace-id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        path = "invocation/" + request_id
        try:
            try:
                event = json.loads(body)
            except ValueError as error:
                raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
            result = handler(event, self.context.LambdaContext(headers, request_id))
            try:
                answer = json.dumps(result, ensure_ascii=self.ascii).encode("utf-8", "surrogatepass")
            except (TypeError, ValueError, RecursionError) as error:
                raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
            return self.request("POST", path + "/response", answer)
        except Fault as fault:
            report = error_report(fault.kind, fault.message, fault.trace, request_id)
        except Exception as error:
            report = report_of(error, request_id)
        self.logging.write_error(report)
        return self.error_request(path + "/error", report)

    def init_failed(self, report):
        self.logging.write_error(report)
        sys.stdout.flush()
        sys.stderr.flush()
        self.socket.sendall(self.error_request("init/error", report))
        self.answer()
        os._exit(1)

    def error_request(self, path, report):
        return self.request("POST", path, json.dumps(report).encode(), report["errorType"])

    def request(self, method, path, body=b"", error_type=None):
        lines = [f"{method} {API}{path} HTTP/1.1", "Host: " + self.host, f"Content-Length: {len(body)}"]
        lines.append("Pileus-Secret: " + self.secret)
        if error_type:
            safe = error_type.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
            lines += ["Lambda-Runtime-Function-Error-Type: " + safe, "Content-Type: application/json"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def answer(self):
        status = self.received.readline()
        if not status:
            os._exit(0)  # Pileus has gone
        headers = {}
        while True:
            line = self.received.readline().decode("utf-8").rstrip("\r\n")
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return headers, self.received.read(int(headers.get("content-length", 0)))


def load_handler(handler):
    module_name, dot, function_name = handler.rpartition(".")
    if not dot:
        raise Fault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        where = '  File "{}" Line {}\n    {}'.format(error.filename, error.lineno, (error.text or "").strip())
        raise Fault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [where]
        ) from error
    if not hasattr(module, function_name):
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return getattr(module, function_name)


def report_of(error, request_id):
    frames = traceback.extract_tb(error.__traceback__)
    # The function's frames only: neither the loop that called it nor the machinery of import.
    own = [f for f in frames if not f.filename.startswith("<frozen importlib") and f.filename != __file__]
    own = [f for f in own if not f.filename.endswith("/importlib/__init__.py")]
    return error_report(type(error).__name__, str(error), traceback.format_list(own), request_id)


def error_report(kind, message, trace, request_id):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}
