"""Node functions: node with our bootstrap, and the AWS SDK that AWS preinstalls."""

import asyncio
import contextlib
import json
import logging
import os
import pathlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict

from pileus.kernel.tasks import Tasks
from pileus.runtime import sandbox
from pileus.runtime.runtimes import Ahead, Interpreter, Launch, Paths, Told
from pileus.runtime.runtimes.exec import zygote_settings
from pileus.runtime.spec import FunctionSpec, RuntimeMissing

log = logging.getLogger("pileus.runtime")

LAST_WITH_SDK_2 = 16
"""From nodejs18.x on AWS preinstalls version 3. Source: developer guide, "Building Lambda functions with Node.js"."""

SDK_2 = ("aws-sdk@2",)
SDK_3 = tuple(
    f"@aws-sdk/{name}@3"
    for name in [
        "client-apigatewaymanagementapi",
        "client-athena",
        "client-batch",
        "client-bedrock-runtime",
        "client-cloudformation",
        "client-cloudwatch",
        "client-cloudwatch-logs",
        "client-cognito-identity-provider",
        "client-comprehend",
        "client-dynamodb",
        "client-dynamodb-streams",
        "client-ec2",
        "client-ecs",
        "client-eventbridge",
        "client-firehose",
        "client-glue",
        "client-iam",
        "client-kinesis",
        "client-kms",
        "client-lambda",
        "client-polly",
        "client-rds-data",
        "client-rekognition",
        "client-s3",
        "client-scheduler",
        "client-secrets-manager",
        "client-ses",
        "client-sesv2",
        "client-sfn",
        "client-sns",
        "client-sqs",
        "client-ssm",
        "client-sts",
        "client-textract",
        "client-translate",
        "credential-providers",
        "lib-dynamodb",
        "lib-storage",
        "s3-presigned-post",
        "s3-request-presigner",
        "util-dynamodb",
    ]
)
"""AWS preinstalls all clients, some 400; these are those that serverless applications use. Others are not there."""

AT_START = re.compile(
    r"(NODE_(?!ENV$|TLS_REJECT_UNAUTHORIZED$)|UV_|LD_|SSL_|OPENSSL_|MALLOC_|ICU_|LC_|LANG$|AWS_LAMBDA_EXEC_WRAPPER$|AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA$)"
)
"""Variables that node, or what it is made of, reads when it starts: a function with one of them is started afresh."""

OLDEST_AHEAD = 16
"""Older ones run, but nobody has tried whether they may wait."""

SDK_WAIT_S = 180.0
SCANNED_FILES = 500
SCANNED_BYTES = 4 << 20


class Node:
    def __init__(self, folder: pathlib.Path, tasks: Tasks) -> None:
        self.sdk = Sdk(folder, tasks)
        self._found: dict[int, Interpreter] | None = None
        self._searching = asyncio.Lock()

    async def interpreter(self, runtime: str) -> Interpreter:
        """The nearest version: the one asked for, else the next newer, else the newest older."""
        match = re.fullmatch(r"nodejs(\d+)?(\.\d+|\.x)?(-edge)?", runtime)
        wanted = int(match[1]) if match and match[1] else 0
        async with self._searching:
            if not self._found:
                self._found = await _find_all()
        if not self._found:
            raise RuntimeMissing(
                f"There is no Node.js on this machine, so {runtime} functions can't run. Install node and try again."
            )
        newer = sorted(major for major in self._found if major >= wanted)
        older = sorted(major for major in self._found if major < wanted)
        return self._found[newer[0] if newer else older[-1]]

    def zygote_settings(self, interpreter: Interpreter, ca_bundle: str) -> dict:
        return zygote_settings(interpreter.prefix, ca_bundle)

    async def launch(self, spec: FunctionSpec, interpreter: Interpreter, paths: Paths, told: Told) -> Launch:
        isolated = sandbox.refusal() is None
        program = interpreter.inside if isolated else str(interpreter.executable)
        bootstraps = f"{paths.runtime}/bootstraps"
        old_space_mib = max(64, spec.memory_mib * 9 // 10)
        options = [program, f"--max-old-space-size={old_space_mib}"]
        arguments = list(options)
        if told.names is not None:
            arguments += ["--require", f"{bootstraps}/node_names.js"]
        arguments += [f"{bootstraps}/node_loop.mjs", json.dumps(asdict(told))]
        if wrapper := spec.environment.get("AWS_LAMBDA_EXEC_WRAPPER"):
            arguments.insert(0, wrapper)
        modules, notice = await self._sdk_for(spec)
        major = re.sub(r"\D", "", spec.runtime.partition(".")[0])
        node_path = [f"{paths.opt}/nodejs/node{major}/node_modules", f"{paths.opt}/nodejs/node_modules"]
        node_path.append(f"{paths.runtime}/node_modules" if isolated or modules is None else str(modules))
        variables = {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "NODE_PATH": ":".join([*node_path, paths.runtime, paths.task]),
        }
        mounts = [(str(modules), "/var/runtime/node_modules")] if modules is not None else []
        ahead = None
        # Without a sandbox the paths, which node takes from its variables at the start, are each function's own.
        if isolated and int(interpreter.version.split(".")[0]) >= OLDEST_AHEAD and _may_wait(spec.environment):
            known = {"NODE_PATH": variables["NODE_PATH"], "NODE_EXTRA_CA_CERTS": paths.ca}
            known |= {"LD_LIBRARY_PATH": sandbox.library_path("/var/lang", paths.task, paths.opt), "LANG": "C.UTF-8"}
            ahead = Ahead((*options, f"{bootstraps}/node_loop.mjs"), tuple(known.items()), tuple(mounts))
        return Launch(arguments, {"told": asdict(told)}, variables, mounts, notice=notice, ahead=ahead)

    async def _sdk_for(self, spec: FunctionSpec) -> tuple[pathlib.Path | None, str | None]:
        """The folder with the SDK, and what to tell the function's log where it should be there and is not."""
        digits = re.sub(r"\D", "", spec.runtime.partition(".")[0])
        version = 2 if digits and int(digits) <= LAST_WITH_SDK_2 else 3
        present = self.sdk.present(version)
        if present is not None:
            return present, None
        if not await asyncio.to_thread(_mentions_sdk, [spec.code, *spec.layers]):
            return None, None
        try:
            return await self.sdk.fetched(version), None
        except SdkMissing as error:
            return None, f"The AWS SDK for JavaScript v{version}, which AWS preinstalls, is not there: {error}"


def _may_wait(environment: Mapping[str, str]) -> bool:
    """Whether a node that is running already can become this function's."""
    at_start = {name: value for name, value in environment.items() if AT_START.match(name)}
    # This option can be switched on later (node_loop.mjs), and SAM's esbuild makes everybody set it.
    return not at_start or at_start == {"NODE_OPTIONS": "--enable-source-maps"}


class SdkMissing(Exception):
    """It could not be fetched; the text says why."""


class Sdk:
    """The AWS SDKs for JavaScript, fetched once with npm into the data directory, when first needed."""

    def __init__(self, folder: pathlib.Path, tasks: Tasks) -> None:
        self.folder = folder
        self.tasks = tasks
        self._fetching: dict[int, asyncio.Task[None]] = {}

    def present(self, version: int) -> pathlib.Path | None:
        folder = self.folder / f"aws-sdk-{version}" / "node_modules"
        return folder.resolve() if folder.is_dir() else None

    async def fetched(self, version: int) -> pathlib.Path:
        """Wait for it, within bounds. A fetch that takes longer goes on for the functions after this one."""
        running = self._fetching.get(version)
        if running is None or running.done():
            running = self.tasks.start(f"fetching the AWS SDK v{version}", self._fetch(version))
            self._fetching[version] = running
        try:
            await asyncio.wait_for(asyncio.shield(running), SDK_WAIT_S)
        except TimeoutError as error:
            raise SdkMissing("npm is still fetching it; try again later.") from error
        folder = self.present(version)
        if folder is None:
            raise SdkMissing("npm is missing or could not fetch it; Pileus's log says more.")
        return folder

    async def _fetch(self, version: int) -> None:
        npm = shutil.which("npm")
        if npm is None:
            log.error("npm is not installed, so functions have no preinstalled AWS SDK for JavaScript v%d", version)
            return
        aside = self.folder / f".aws-sdk-{version}.{os.getpid()}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        (aside / "package.json").write_text('{"private": true}')
        packages = SDK_2 if version == 2 else SDK_3
        process = await asyncio.create_subprocess_exec(
            npm, "install", "--no-audit", "--no-fund", "--omit=dev", "--loglevel=error", *packages,
            cwd=aside, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            _, errors = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            shutil.rmtree(aside, ignore_errors=True)
            raise
        if process.returncode != 0:
            log.error(
                "npm could not fetch the AWS SDK for JavaScript v%d: %s", version, errors.decode("utf-8", "replace")
            )
            shutil.rmtree(aside, ignore_errors=True)
            return
        aside.rename(self.folder / f"aws-sdk-{version}")


def _mentions_sdk(folders: list[str]) -> bool:
    """Whether the function's own code speaks of the SDK and does not bring it. Only such a function waits for it."""
    scanned = 0
    for folder in folders:
        for current, inner, files in os.walk(folder):
            if os.path.isdir(os.path.join(current, "node_modules", "@aws-sdk")) or os.path.isdir(
                os.path.join(current, "node_modules", "aws-sdk")
            ):
                return False
            inner[:] = [name for name in inner if name != "node_modules"]
            for name in files:
                if name.endswith((".js", ".mjs", ".cjs")) and scanned < SCANNED_FILES:
                    scanned += 1
                    with open(os.path.join(current, name), "rb") as file:
                        if b"aws-sdk" in file.read(SCANNED_BYTES):
                            return True
    return False


async def _find_all() -> dict[int, Interpreter]:
    candidates = {shutil.which("node"), shutil.which("nodejs")} - {None}
    versions = pathlib.Path.home() / ".nvm" / "versions" / "node"
    with contextlib.suppress(PermissionError):  # HOME may be another user's, after sudo
        candidates |= {str(path) for path in versions.glob("*/bin/node")}
    found: dict[int, Interpreter] = {}
    for interpreter in await asyncio.gather(*map(_ask, sorted(candidates))):
        if interpreter is not None:
            found.setdefault(int(interpreter.version.split(".")[0]), interpreter)
    return found


async def _ask(candidate: str) -> Interpreter | None:
    process = await asyncio.create_subprocess_exec(
        candidate, "-p", "process.version + ' ' + process.execPath",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        answer, _ = await asyncio.wait_for(process.communicate(), 5)
        version, executable = answer.decode().strip().split(" ", 1)
    except (TimeoutError, ValueError):
        if process.returncode is None:
            process.kill()
            await process.wait()
        return None
    path = pathlib.Path(executable).resolve()
    return Interpreter("nodejs", version.removeprefix("v"), path, path.parent.parent)
