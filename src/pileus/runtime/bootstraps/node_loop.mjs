// The Node runtime: loads the handler, then asks the Runtime API for events one after the other.
//
// Sources: Lambda developer guide, "Using the Lambda runtime API", "Define Lambda function handler in Node.js", "Log
// and monitor Node.js Lambda functions", "Node.js context object"; error names as the managed runtime reports them.
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import util from "node:util";

const API = "/2018-06-01/runtime/";
const FRAME = Buffer.from([0xa5, 0x5a, 0x00, 0x03]); // as in python_logging.py
const INDEX = "/var/runtime/index.mjs"; // where AWS has what is here
const GATE = 3; // environment_init.py, start_ahead

// Started ahead of need (no function given), it loads what most functions need and waits for one at the gate. Its
// variables are the function's from then on; those that node itself reads at its start were the same for both.
function waitForFunction() {
  const require = createRequire(import.meta.url);
  for (const name of USUAL) require("node:" + name);
  for (const name of SDK) {
    try {
      require(name);
    } catch {
      break; // npm has not fetched it: whoever needs it will hear of that
    }
  }
  const text = fs.readFileSync(GATE, "utf8");
  if (text === "") process.exit(0); // no function came
  fs.closeSync(GATE);
  const given = JSON.parse(text);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, given.variables);
  if (process.env.NODE_OPTIONS === "--enable-source-maps") process.setSourceMapsEnabled(true);
  process.chdir(given.task_root);
  require("./node_names.js").install(given.names);
  return given;
}

// What the AWS SDK and most functions load.
const USUAL = ["assert", "async_hooks", "buffer", "child_process", "crypto", "dns", "events", "fs/promises", "http2", "https"];
USUAL.push("net", "os", "perf_hooks", "querystring", "stream/promises", "string_decoder", "timers/promises", "tls", "url", "zlib");

// With these come the parts that all clients of version 3 share. They read the environment when a client is made, not
// when they are loaded (version 2 does, so it can't be loaded ahead).
const SDK = ["client-sts", "client-s3", "client-dynamodb", "lib-dynamodb", "client-sqs"].map((name) => "@aws-sdk/" + name);

globalThis.awslambda = {
  streamifyResponse() {
    throw new Error("Pileus does not implement awslambda.streamifyResponse yet.");
  },
};

const { secret } = process.argv[2] === undefined ? waitForFunction() : JSON.parse(process.argv[2]);
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let requestId;
let current = null; // the invocation that has not been answered yet

process.argv.splice(1, process.argv.length, INDEX);

// Talking to the Runtime API

function request(method, where, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const options = { host, port, method, path: API + where, agent, headers: { "Pileus-Secret": secret, ...headers, ...length } };
    const asked = http.request(options, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts).toString("utf8") }));
      answer.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

function report(error) {
  if (error instanceof Error || util.types.isNativeError(error)) {
    const trace = String(error.stack ?? error).split("\n");
    return { errorType: error.name ?? "Error", errorMessage: error.message, trace };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function postError(where, described) {
  const type = described.errorType.replace(/[^\x20-\x7e]/g, "?");
  const headers = { "Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": type };
  return request("POST", where, JSON.stringify(described), headers);
}

// The log

function writeFrame(text) {
  const content = Buffer.from(text, "utf8");
  const head = Buffer.alloc(8);
  FRAME.copy(head);
  head.writeUInt32BE(content.length, 4);
  let rest = Buffer.concat([head, content]);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(1, rest));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); // the pipe is full; it is being read
    }
  }
}

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const asJson = (process.env.AWS_LAMBDA_LOG_FORMAT ?? "").toUpperCase() === "JSON";
const lowest = Math.max(0, LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? "TRACE").toUpperCase()));

const isError = (value) => value instanceof Error || util.types.isNativeError(value);

function structured(error) {
  const { errorType, errorMessage, trace } = report(error);
  return { errorType, errorMessage, stackTrace: trace };
}

// One value is the message as it is; several are formatted, and the first error among them is described beside.
function jsonLine(line, parts) {
  if (parts.length === 1 && typeof parts[0] === "object") {
    try {
      return JSON.stringify({ ...line, message: parts[0] }, (_, value) => (isError(value) ? structured(value) : value));
    } catch {
      // Circles and BigInts are no JSON, but no reason to fail either.
    }
  }
  const error = parts.length > 1 ? parts.find(isError) : undefined;
  return JSON.stringify({ ...line, message: util.format(...parts), ...(error && structured(error)) });
}

function logLine(level, parts) {
  if (LEVELS.indexOf(level) < lowest) return;
  const timestamp = new Date().toISOString();
  if (asJson) {
    writeFrame(jsonLine({ timestamp, level, requestId }, parts) + "\n");
  } else {
    writeFrame(`${timestamp}\t${requestId}\t${level}\t${util.format(...parts)}\n`);
  }
}

const METHODS = { log: "INFO", info: "INFO", debug: "DEBUG", warn: "WARN", error: "ERROR", trace: "TRACE" };
for (const [name, level] of Object.entries(METHODS)) console[name] = (...parts) => logLine(level, parts);
console.fatal = (...parts) => logLine("FATAL", parts);

// An error with what its maker put on it.
function inFull(error) {
  const { errorType, errorMessage, trace } = report(error);
  const { name, message, stack, ...own } = isError(error) ? error : {};
  return { errorType, errorMessage, ...own, stack: trace };
}

function described(error) {
  try {
    return JSON.stringify(error, (_, value) => (isError(value) ? inFull(value) : value));
  } catch {
    const { errorType, errorMessage, trace } = report(error); // what was put on it is circular, say
    return JSON.stringify({ errorType, errorMessage, stack: trace });
  }
}

function logError(what, error) {
  if (asJson) logLine("ERROR", [what.trim(), error]);
  else logLine("ERROR", [what + "\t" + described(isError(error) ? error : inFull(error))]);
}

// The handler

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
    const calls = this.stack.split("\n").filter((line) => line.startsWith("    at "));
    Object.defineProperty(this, "name", { enumerable: false });
    this.stack = [`${name}: ${message}`, ...calls].join("\n");
  }
}

function findModule(file, name) {
  for (const ending of ["", ".js", ".mjs", ".cjs"]) {
    if (fs.statSync(file + ending, { throwIfNoEntry: false })?.isFile()) return file + ending;
  }
  try {
    return createRequire(file).resolve(file); // a folder with an index.js or package.json
  } catch {
    throw new RuntimeError("Runtime.ImportModuleError", `Error: Cannot find module '${name}'\nRequire stack:\n- ${INDEX}`);
  }
}

function isEsModule(file) {
  if (file.endsWith(".mjs")) return true;
  if (file.endsWith(".cjs")) return false;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const described = path.join(folder, "package.json");
    if (fs.existsSync(described)) return JSON.parse(fs.readFileSync(described, "utf8")).type === "module";
    if (folder === path.dirname(folder)) return false;
  }
}

async function loadHandler() {
  const root = process.env.LAMBDA_TASK_ROOT;
  const name = process.env._HANDLER;
  const base = path.basename(name);
  const dot = base.indexOf(".");
  if (dot < 0 || name.includes("..")) throw new RuntimeError("Runtime.MalformedHandlerName", "Bad handler");
  const moduleName = path.join(path.dirname(name), base.slice(0, dot));
  const file = findModule(path.resolve(root, moduleName), moduleName);
  let loaded;
  try {
    // Required by a file of this name, as a missing module's "Require stack" shows.
    loaded = isEsModule(file) ? await import(pathToFileURL(file).href) : createRequire(INDEX)(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError("Runtime.UserCodeSyntaxError", String(error));
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND")
      throw new RuntimeError("Runtime.ImportModuleError", String(error));
    throw error;
  }
  let found = loaded;
  for (const part of base.slice(dot + 1).split(".")) found = found?.[part] ?? found?.default?.[part];
  if (found === undefined) throw new RuntimeError("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof found !== "function") throw new RuntimeError("Runtime.HandlerNotFound", `${name} is not a function`);
  return found;
}

// One event

function contextOf(headers, finish) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const parsed = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed("lambda-runtime-client-context"),
    identity: parsed("lambda-runtime-cognito-identity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: (error, result) => finish(error, result, false),
    succeed: (result) => finish(null, result, false),
    fail: (error) => finish(error ?? "handled", undefined, false),
  };
  return context;
}

// Resolves to {error} or {result}. A callback's result waits until nothing is left to do, unless the context says not
// to; that is also when a handler ends that calls nothing and returns nothing.
function run(handler, event, headers) {
  return new Promise((resolve) => {
    current = { resolve, outcome: { result: null } };
    const mine = current;
    const finish = (error, result, wait) => {
      if (current !== mine) return; // only the first outcome counts
      const outcome = error === null || error === undefined ? { result } : { error };
      mine.outcome = outcome;
      if (!wait) resolve(outcome);
    };
    const context = contextOf(headers, finish);
    const callback = (error, result) => finish(error, result, context.callbackWaitsForEmptyEventLoop);
    try {
      const returned = handler(event, context, callback);
      if (typeof returned?.then === "function")
        returned.then(
          (result) => finish(null, result, false),
          (error) => finish(error ?? "handled", undefined, false),
        );
    } catch (error) {
      finish(error ?? "handled", undefined, false);
    }
  });
}

process.on("beforeExit", () => {
  if (current) {
    const ended = current;
    ended.resolve(ended.outcome);
  }
});

async function answer(outcome, id) {
  if (!("error" in outcome)) {
    let text;
    try {
      text = JSON.stringify(outcome.result === undefined ? null : outcome.result) ?? "null";
    } catch (error) {
      outcome = { error: new RuntimeError("Runtime.MarshalError", "Unable to stringify response body") };
    }
    if (text !== undefined) return request("POST", `invocation/${id}/response`, text, { "Content-Type": "application/json" });
  }
  logError("Invoke Error ", outcome.error);
  return postError(`invocation/${id}/error`, report(outcome.error));
}

async function die(what, error, status) {
  logError(what, error);
  await postError(current ? `invocation/${requestId}/error` : "init/error", report(error));
  process.exit(status);
}

process.on("uncaughtException", (error) => die("Uncaught Exception ", error, 129));
process.on("unhandledRejection", (reason, promise) => {
  const error = new RuntimeError("Runtime.UnhandledPromiseRejection", String(reason));
  die("Unhandled Promise Rejection ", Object.assign(error, { reason, promise }), 128);
});

let handler;
try {
  handler = await loadHandler();
} catch (error) {
  logError("Uncaught Exception ", error);
  await postError("init/error", report(error));
  process.exit(1);
}

async function serve() {
  const { headers, body } = await request("GET", "invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  const trace = headers["lambda-runtime-trace-id"];
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  const outcome = await run(handler, JSON.parse(body), headers);
  current = null;
  await answer(outcome, requestId);
  requestId = undefined;
  setImmediate(() => serve().catch(() => process.exit(0))); // Pileus has gone
}
serve().catch(() => process.exit(0));
