"""Node functions as their authors know them from AWS."""

import json
import re
import shutil
import warnings

import pytest

if shutil.which("node") is None:
    warnings.warn("Node functions are not tested here: there is no node", stacklevel=1)
    pytest.skip("there is no node on this machine", allow_module_level=True)


@pytest.fixture
def node(bench):
    def make(source: str, file: str = "index.js", **other: object):
        values = {"runtime": "nodejs20.x", "handler": "index.handler", "memory_mib": 512, "timeout_s": 10} | other
        return bench.function(source, file=file, **values)

    return make


async def test_common_js_and_es_modules_both_load(bench, node):
    common = await bench.call(node("exports.handler = async (event) => ({ got: event })"), '{"é": "漢字"}'.encode())
    assert json.loads(common.payload) == {"got": {"é": "漢字"}}
    module = node("import fs from 'node:fs'; export const handler = async () => typeof fs.statSync", file="index.mjs")
    assert (await bench.call(module)).payload == b'"function"'
    nested = node("exports.a = { b: () => Promise.resolve(7) }", file="src/app.cjs", handler="src/app.a.b")
    assert (await bench.call(nested)).payload == b"7"


async def test_a_warm_environment_keeps_its_globals(bench, node):
    spec = node("let n = 0; exports.handler = async () => ++n")
    first, second = await bench.call(spec), await bench.call(spec)
    assert (first.payload, second.payload) == (b"1", b"2")
    assert first.environment_id == second.environment_id


async def test_a_callback_waits_for_the_event_loop_unless_told_not_to(bench, node):
    source = """
        let done = 0;
        exports.handler = (event, context, callback) => {
          context.callbackWaitsForEmptyEventLoop = event.wait;
          setTimeout(() => { done++; }, 300);
          callback(null, "called");
          if (event.count) callback(null, done);
        };
    """
    waiting = await bench.call(node(source), b'{"wait": true}')
    at_once = await bench.call(node(source), b'{"wait": false}')
    assert waiting.payload == at_once.payload == b'"called"'
    assert waiting.duration_ms >= 300 > at_once.duration_ms


async def test_the_old_ways_to_end_work(bench, node):
    assert (await bench.call(node("exports.handler = (e, c) => { c.succeed('s') }"))).payload == b'"s"'
    assert (await bench.call(node("exports.handler = (e, c) => { c.done(null, 'd') }"))).payload == b'"d"'
    failed = await bench.call(node("exports.handler = (e, c) => { c.fail(new Error('f')) }"))
    assert json.loads(failed.payload)["errorMessage"] == "f"
    assert (await bench.call(node("exports.handler = () => {}"))).payload == b"null"


async def test_console_lines_are_single_events_with_the_request_id(bench, node):
    spec = node("exports.handler = async () => { console.log('a', {b: 1}); console.error('two\\nlines') }")
    await bench.call(spec, request_id="the-id")
    texts = [text for _, text in bench.lines]
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert any(re.fullmatch(stamp + r"\tthe-id\tINFO\ta \{ b: 1 \}\n", text) for text in texts)
    assert any(re.fullmatch(stamp + r"\tthe-id\tERROR\ttwo\nlines\n", text) for text in texts)


async def test_errors_are_described_and_logged(bench, node):
    result = await bench.call(node("exports.handler = async () => { throw new TypeError('boom') }"))
    described = json.loads(result.payload)
    assert result.error == "Unhandled"
    assert (described["errorType"], described["errorMessage"]) == ("TypeError", "boom")
    assert described["trace"][0] == "TypeError: boom"
    assert '\tERROR\tInvoke Error \t{"errorType":"TypeError","errorMessage":"boom"' in bench.log


async def test_an_errors_own_properties_are_logged_as_far_as_they_can_be(bench, node):
    source = """
        exports.handler = async (event) => {
          const error = Object.assign(new Error("denied"), { code: "AccessDenied", statusCode: 403 });
          if (event.circular) error.request = { error, cause: error };
          throw error;
        };
    """
    result = await bench.call(node(source))
    assert set(json.loads(result.payload)) == {"errorType", "errorMessage", "trace"}
    assert '{"errorType":"Error","errorMessage":"denied","code":"AccessDenied","statusCode":403,"stack":[' in bench.log
    await bench.call(node(source), b'{"circular": true}')
    assert '{"errorType":"Error","errorMessage":"denied","stack":[' in bench.log


async def test_a_rejection_that_nobody_handles_ends_the_runtime_and_says_why(bench, node):
    source = "exports.handler = async () => { Promise.reject(new TypeError('late')); await new Promise(() => {}) }"
    spec = node(source)
    first = await bench.call(spec)
    described = json.loads(first.payload)
    assert first.error == "Unhandled"
    assert (described["errorType"], described["errorMessage"]) == (
        "Runtime.UnhandledPromiseRejection",
        "TypeError: late",
    )
    assert described["trace"][0] == "Runtime.UnhandledPromiseRejection: TypeError: late"
    logged = (
        'ERROR\tUnhandled Promise Rejection \t{"errorType":"Runtime.UnhandledPromiseRejection",'
        '"errorMessage":"TypeError: late","reason":{"errorType":"TypeError","errorMessage":"late","stack":["TypeError: late"'
    )
    assert logged in bench.log
    assert (await bench.call(spec)).environment_id != first.environment_id


async def test_nothing_thrown_is_a_failure_too(bench, node):
    for source in ("async () => { throw null }", "async () => { throw undefined }", "() => { throw null }"):
        result = await bench.call(node(f"exports.handler = {source}"))
        assert result.error == "Unhandled"
        assert json.loads(result.payload) == {"errorType": "string", "errorMessage": "handled", "trace": []}


async def test_a_missing_module_says_who_wanted_it(bench, node):
    described = json.loads((await bench.call(node("require('nowhere')"))).payload)
    message = "Error: Cannot find module 'nowhere'\nRequire stack:\n- /var/task/index.js\n- /var/runtime/index.mjs"
    assert described["errorMessage"].replace(bench.folder.as_posix(), "") == message
    trace = described["trace"]
    assert trace[:4] == ("Runtime.ImportModuleError: " + message).split("\n")
    assert all(line.startswith("    at ") for line in trace[4:])


async def test_json_lines_carry_errors_and_what_json_cant_hold(bench, node):
    source = """
        exports.handler = async () => {
          const circle = { name: "o" };
          circle.self = circle;
          console.log("a %s", "b");
          console.warn({ a: 1 });
          console.error(new RangeError("alone"));
          console.error("it was", Object.assign(new TypeError("there"), { code: 5 }));
          console.log(circle);
          console.log(10n);
          console.log();
          throw new Error("out");
        };
    """
    await bench.call(node(source, log_format="JSON"), request_id="the-id")
    lines = [json.loads(text) for _, text in bench.lines if text.startswith("{")]
    assert {line["requestId"] for line in lines} == {"the-id"}
    plain, given, alone, beside, circle, big, nothing, out = lines
    assert (plain["level"], plain["message"]) == ("INFO", "a b")
    assert (given["level"], given["message"]) == ("WARN", {"a": 1})
    assert (alone["message"]["errorType"], alone["message"]["errorMessage"]) == ("RangeError", "alone")
    assert alone["message"]["stackTrace"][0] == "RangeError: alone"
    assert (beside["errorType"], beside["errorMessage"]) == ("TypeError", "there")
    assert beside["stackTrace"][0] == "TypeError: there" and beside["message"].startswith("it was TypeError: there")
    assert "[Circular *1]" in circle["message"]
    assert big["message"] == "10n" and nothing["message"] == ""
    assert (out["level"], out["errorType"], out["errorMessage"]) == ("ERROR", "Error", "out")
    assert out["message"].startswith("Invoke Error")


async def test_errors_of_the_runtime_bear_its_names(bench, node):
    async def failing(source: str, **other: object) -> str:
        return json.loads((await bench.call(node(source, **other))).payload)["errorType"]

    assert await failing("require('nowhere')") == "Runtime.ImportModuleError"
    assert await failing("", handler="other.handler") == "Runtime.ImportModuleError"
    assert await failing("") == "Runtime.HandlerNotFound"
    assert await failing("exports.handler = (") == "Runtime.UserCodeSyntaxError"
    assert await failing("exports.handler = async () => 10n") == "Runtime.MarshalError"
    late = "exports.handler = async () => { setTimeout(() => { throw new RangeError('late') }, 1); await new Promise(() => {}) }"
    assert await failing(late) == "RangeError"


async def test_leaving_the_process_is_an_exit_error(bench, node):
    result = await bench.call(node("exports.handler = async () => process.exit(5)"))
    assert json.loads(result.payload)["errorMessage"].endswith("Runtime exited with error: exit status 5")


async def test_layers_are_found_by_require_and_import(bench, node, make_zip, isolated):
    layer = await bench.engine.packages.unpack(
        make_zip(
            **{"nodejs/node_modules/thing/index.js": "exports.x = 42", "nodejs/node_modules/thing/package.json": "{}"}
        )
    )
    required = node("exports.handler = async () => require('thing').x", layers=(str(layer),))
    imported = node(
        "import t from 'thing'; export const handler = async () => t.x", file="index.mjs", layers=(str(layer),)
    )
    assert (await bench.call(required)).payload == (await bench.call(imported)).payload == b"42"


async def test_the_context_tells_what_aws_tells(bench, node):
    source = """
        exports.handler = async (event, c) => [c.functionName, c.memoryLimitInMB, c.awsRequestId, c.getRemainingTimeInMillis() > 5000,
          process.env.AWS_EXECUTION_ENV, c.clientContext, process.getuid()]
    """
    result = await bench.call(node(source), request_id="the-id", client_context='{"custom": {"a": 1}}')
    *rest, user = json.loads(result.payload)
    assert rest == ["sample", "512", "the-id", True, "AWS_Lambda_nodejs20.x", {"custom": {"a": 1}}]
    assert user != 0 or not bench.engine.isolation()["user"].startswith("uid")


async def test_names_of_aws_lead_to_pileus(bench, node, pileus):
    source = """
        const https = require("node:https");
        exports.handler = async ({ url }) => [
          await (await fetch(url)).text(),
          await new Promise((resolve, reject) => https.get(url, (a) => a.on("data", (d) => resolve(String(d)))).on("error", reject)),
        ];
    """
    result = await bench.call(node(source, endpoint_url=pileus), b'{"url": "https://sqs.us-east-1.amazonaws.com/"}')
    assert json.loads(result.payload) == ["sqs.us-east-1.amazonaws.com"] * 2


async def test_without_npm_the_log_says_that_the_sdk_is_missing(bench, node, monkeypatch):
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, *rest: None if name == "npm" else found(name, *rest))
    result = await bench.call(node("require('@aws-sdk/client-s3')"))
    assert json.loads(result.payload)["errorType"] == "Runtime.ImportModuleError"
    assert "The AWS SDK for JavaScript v3, which AWS preinstalls, is not there: npm is missing" in bench.log
