"""Python functions as their authors know them from AWS."""

import asyncio
import json
import re

from pileus.runtime.spec import Credentials


async def test_it_answers_with_what_the_handler_returns(bench):
    spec = bench.function("def handler(event, context): return {'got': event, 'é': '😀'}")
    result = await bench.call(spec, '{"name": "Žofie 漢字"}'.encode())
    assert result.error is None
    assert json.loads(result.payload) == {"got": {"name": "Žofie 漢字"}, "é": "😀"}
    assert b"\\u00e9" in result.payload  # the runtimes before 3.12 escape


async def test_a_warm_environment_keeps_its_globals(bench):
    spec = bench.function("count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return count")
    first, second = await bench.call(spec), await bench.call(spec)
    assert (first.payload, second.payload) == (b"1", b"2")
    assert first.environment_id == second.environment_id
    assert first.init_ms is not None and second.init_ms is None


async def test_two_events_at_once_need_two_environments(bench):
    spec = bench.function("import threading\ndef handler(event, context): threading.Event().wait(0.2)")
    first, second = await asyncio.gather(bench.call(spec), bench.call(spec))
    assert first.environment_id != second.environment_id
    assert first.log_stream != second.log_stream


async def test_a_forgotten_revision_gets_a_new_environment(bench):
    spec = bench.function("def handler(event, context): pass")
    first = await bench.call(spec)
    bench.engine.forget(spec.key)
    assert (await bench.call(spec)).environment_id != first.environment_id


async def test_start_end_and_report_frame_the_log(bench):
    spec = bench.function("def handler(event, context): print('one\\ntwo')")
    result = await bench.call(spec, request_id="8f5bb4a0-5f0e-4d6b-9f0e-000000000001")
    assert re.fullmatch(
        r"START RequestId: 8f5bb4a0-5f0e-4d6b-9f0e-000000000001 Version: \$LATEST\n"
        r"one\ntwo\n"
        r"END RequestId: 8f5bb4a0-5f0e-4d6b-9f0e-000000000001\n"
        r"REPORT RequestId: 8f5bb4a0-5f0e-4d6b-9f0e-000000000001\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t\n",
        result.log_tail.decode(),
    )
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", result.log_stream)
    assert {stream for stream, _ in bench.lines} == {result.log_stream}


async def test_a_logged_record_is_one_event_in_its_place(bench):
    source = """
        import logging
        def handler(event, context):
            print("before")
            logging.getLogger().warning("two\\nlines")
            print("after")
    """
    await bench.call(bench.function(source), request_id="the-id")
    texts = [text for _, text in bench.lines]
    record = next(text for text in texts if text.startswith("[WARNING]"))
    assert re.fullmatch(r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tthe-id\ttwo\nlines\n", record)
    assert texts.index("before\n") + 1 == texts.index(record) == texts.index("after\n") - 1


async def test_the_tail_is_the_last_four_kilobytes(bench):
    spec = bench.function("def handler(event, context):\n    for i in range(1000): print('line', i)")
    tail = (await bench.call(spec)).log_tail
    assert len(tail) == 4096
    assert b"line 999\nEND " in tail
    assert b"line 1\n" not in tail
    assert "line 1\n" in bench.log


async def test_an_exception_is_described_and_logged(bench, isolated):
    source = """
        def handler(event, context):
            raise ValueError("no such thing")
    """
    result = await bench.call(bench.function(source), request_id="the-id")
    report = json.loads(result.payload)
    assert result.error == "Unhandled"
    assert {name: report[name] for name in ("errorMessage", "errorType", "requestId")} == {
        "errorMessage": "no such thing",
        "errorType": "ValueError",
        "requestId": "the-id",
    }
    assert report["stackTrace"] == [
        '  File "/var/task/app.py", line 3, in handler\n    raise ValueError("no such thing")\n'
    ]
    assert "[ERROR] ValueError: no such thing\nTraceback (most recent call last):\n" in bench.log


async def test_the_environment_survives_an_exception(bench):
    spec = bench.function("def handler(event, context): return 1 / event")
    first = await bench.call(spec, b"0")
    second = await bench.call(spec, b"2")
    assert (first.error, second.payload) == ("Unhandled", b"0.5")
    assert first.environment_id == second.environment_id


async def test_errors_of_the_runtime_bear_its_names(bench):
    async def failing(source: str, **other: object) -> tuple[str, str]:
        result = await bench.call(bench.function(source, **other))
        assert result.error == "Unhandled"
        report = json.loads(result.payload)
        return report["errorType"], report["errorMessage"]

    assert await failing("import nowhere") == (
        "Runtime.ImportModuleError",
        "Unable to import module 'app': No module named 'nowhere'",
    )
    assert await failing("", handler="other.handler") == (
        "Runtime.ImportModuleError",
        "Unable to import module 'other': No module named 'other'",
    )
    assert await failing("") == ("Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'")
    assert await failing("", handler="app") == (
        "Runtime.MalformedHandlerName",
        "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
    )
    assert await failing("def handler(event, context): return object()") == (
        "Runtime.MarshalError",
        "Unable to marshal response: Object of type object is not JSON serializable",
    )
    assert (await failing("def handler(:"))[0] == "Runtime.UserCodeSyntaxError"
    assert await failing("raise KeyError('x')") == ("KeyError", "'x'")


async def test_leaving_the_process_is_an_exit_error(bench):
    spec = bench.function("import os\ndef handler(event, context): os._exit(event)")
    result = await bench.call(spec, b"3", request_id="the-id")
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: the-id Error: Runtime exited with error: exit status 3",
    }
    assert "Status: error\tError Type: Runtime.ExitError" in bench.log
    quiet = json.loads((await bench.call(spec, b"0")).payload)
    assert quiet["errorMessage"].endswith("Error: Runtime exited without providing a reason")
    assert (await bench.call(spec, b"1")).init_ms is not None  # a new environment each time


async def test_sys_exit_in_a_handler_ends_the_environment(bench):
    result = await bench.call(bench.function("import sys\ndef handler(event, context): sys.exit(4)"))
    assert json.loads(result.payload)["errorMessage"].endswith("exit status 4")


async def test_a_timeout_kills(bench):
    spec = bench.function("import threading\ndef handler(event, context): threading.Event().wait(event)", timeout_s=1)
    result = await bench.call(spec, b"60", request_id="the-id")
    assert json.loads(result.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: the-id Error: Task timed out after 1.00 seconds",
    }
    assert re.search(r"^\d{4}-\S+Z the-id Task timed out after 1\.00 seconds$", bench.log, re.MULTILINE)
    assert "Duration: 1000.00 ms" in bench.log and "Status: timeout" in bench.log
    assert (await bench.call(spec, b"0")).environment_id != result.environment_id


async def test_initialization_that_fails_is_tried_again_within_the_invocation(bench):
    result = await bench.call(bench.function("print('loading')\nimport nowhere"))
    assert bench.log.count("loading") == 2
    assert re.search(
        r"INIT_REPORT Init Duration: \S+ ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError",
        bench.log,
    )
    assert b"loading" in result.log_tail


async def test_a_killed_worker_is_noticed_and_replaced(bench):
    spec = bench.function("import os, signal\ndef handler(event, context):\n    if event: os.kill(os.getpid(), 9)")
    await bench.call(spec, b"0")
    killed = await bench.call(spec, b"1")
    assert json.loads(killed.payload)["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert (await bench.call(spec, b"0")).error is None


async def test_too_large_an_answer_is_refused(bench):
    spec = bench.function("def handler(event, context): return 'x' * event")
    fits = await bench.call(spec, b"6291554")
    assert fits.error is None and len(fits.payload) == 6_291_556
    result = await bench.call(spec, b"6291555")
    assert json.loads(result.payload) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert (await bench.call(spec, b"1")).payload == b'"x"'


async def test_a_large_event_arrives_whole(bench):
    spec = bench.function("def handler(event, context): return len(event)")
    assert (await bench.call(spec, b'"' + b"x" * 6_000_000 + b'"')).payload == b"6000000"


async def test_variables_are_strings_and_those_of_aws(bench, isolated):
    async def credentials() -> Credentials:
        return Credentials("ASIAEXAMPLE", "secret", "token", bench.clock.now_ms() + 3_600_000)

    spec = bench.function(
        "import os\ndef handler(event, context): return dict(os.environ)",
        environment={"NUMBER": 5, "EMPTY": "", "AWS_REGION": "mars"},
        credentials=credentials,
        endpoint_url="http://127.0.0.1:4566",
        memory_mib=256,
    )
    result = await bench.call(spec, trace_id="Root=1-5759e988-bd862e3fe1be46a994272793")
    found = json.loads(result.payload)
    expected = {
        "NUMBER": "5",
        "EMPTY": "",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_FUNCTION_NAME": "sample",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/sample",
        "AWS_LAMBDA_LOG_STREAM_NAME": result.log_stream,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "_HANDLER": "app.handler",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": "/var/task",
    }
    assert {name: found.get(name) for name in expected} == expected


async def test_the_context_tells_what_aws_tells(bench):
    source = """
        def handler(event, context):
            assert 2000 < context.get_remaining_time_in_millis() <= 3000
            return {
                "names": [context.function_name, context.function_version, context.memory_limit_in_mb],
                "arn": context.invoked_function_arn,
                "id": context.aws_request_id,
                "log": [context.log_group_name, context.log_stream_name],
                "identity": context.identity.cognito_identity_id,
                "client": [context.client_context.custom, context.client_context.client.app_title],
            }
    """
    result = await bench.call(
        bench.function(source),
        request_id="the-id",
        invoked_arn="arn:aws:lambda:us-east-1:000000000000:function:sample:live",
        client_context='{"custom": {"k": "v"}, "client": {"app_title": "title"}}',
    )
    assert json.loads(result.payload) == {
        "names": ["sample", "$LATEST", "128"],
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:sample:live",
        "id": "the-id",
        "log": ["/aws/lambda/sample", result.log_stream],
        "identity": None,
        "client": [{"k": "v"}, "title"],
    }


async def test_handlers_in_packages_are_found(bench):
    source = "def handler(event, context): return __name__"
    for handler in ("deep/er/app.handler", "deep.er.app.handler"):
        spec = bench.function(source, file="deep/er/app.py", handler=handler)
        assert (await bench.call(spec)).payload == b'"deep.er.app"'


async def test_boto3_is_there_and_the_functions_own_modules_win(bench, isolated):
    plain = await bench.call(bench.function("import boto3\ndef handler(event, context): return boto3.__file__"))
    assert plain.payload == b'"/var/runtime/boto3/__init__.py"'
    own = bench.function("import boto3, uuid\ndef handler(event, context): return [boto3.mark, uuid.mark]")
    for name in ("boto3", "uuid"):
        with open(f"{own.code}/{name}.py", "w") as file:
            file.write("mark = 'mine'")
    assert (await bench.call(own)).payload == b'["mine", "mine"]'


async def test_layers_are_merged_into_opt_the_later_over_the_earlier(bench, make_zip, isolated):
    packages = bench.engine.packages
    first = await packages.unpack(make_zip(python__shared="", **{"python/lib.py": "x = 1", "only.txt": "1"}))
    second = await packages.unpack(make_zip(**{"python/lib.py": "x = 2"}))
    source = "import os, lib\ndef handler(event, context): return [lib.x, sorted(os.listdir('/opt'))]"
    spec = bench.function(source, layers=(str(first), str(second)))
    assert json.loads((await bench.call(spec)).payload) == [2, ["only.txt", "python"]]
    alone = bench.function(source, layers=(str(first),))
    assert json.loads((await bench.call(alone)).payload)[0] == 1


async def test_environments_end_before_their_credentials_do(bench):
    async def credentials() -> Credentials:
        return Credentials("ASIAEXAMPLE", "secret", "token", bench.clock.now_ms() + 3_600_000)

    spec = bench.function("def handler(event, context): pass", credentials=credentials)
    first = await bench.call(spec)
    bench.clock.advance(3_500_000)
    assert (await bench.call(spec)).environment_id == first.environment_id
    bench.clock.advance(70_000)
    assert (await bench.call(spec)).environment_id != first.environment_id


async def test_variables_that_need_a_fresh_process_get_one(bench):
    spec = bench.function(
        "import os, sys\ndef handler(event, context): return sys.flags.hash_randomization",
        environment={"PYTHONHASHSEED": "0"},
    )
    assert (await bench.call(spec)).payload == b"0"
