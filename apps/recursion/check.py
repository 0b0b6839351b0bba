"""Show that no design invokes itself for ever: `python check.py --endpoint http://localhost:4566`

Uploads objects as a user would and counts invocations in the functions' logs, until no more come. Exits with 1 and says
which step failed.
"""

import argparse
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import boto3
from counting import Told, misses, read_log

ORIGINAL, PROCESSED = b"alpha\nbeta\n", b"1: alpha\n2: beta\n"
MARK = {"original": "true"}
DAY_MS = 86_400_000
MIDNIGHT_MARGIN_MS = 300_000
"""Not so close to midnight: an item that is put again after it differs from the one before (README, design 3)."""

MOST_TOLD = 5
"""Misses in one message: a loop makes many."""

RACED, RACE_STEP_S = 8, 0.02
"""So many objects are deleted so much later than the one before, to come before, within and after an invocation."""

ODD_NAMES = (
    "two  spaces and a+plus.txt",
    "Grüße/日本語/🚀.txt",
    "100%25 a&b=c;d,e.txt",
    "quoted 'a' \"b\" <c>.txt",
    "~tilde (1) [2] {3}!.txt",
    "a//b/../c\\d.txt",
)


@dataclass(frozen=True)
class Pace:
    """How patient one must be: Pileus tells its log at once, AWS after some seconds."""

    deadline_s: float
    poll_s: float
    quiet_s: float
    """So long nothing must come after the last expected invocation, or twice as long as the expected ones took."""


NEAR, FAR = Pace(60, 0.1, 2), Pace(300, 2, 20)


@dataclass(frozen=True)
class Design:
    title: str
    stated: str
    """Lambda invocations per object, as the table of the README states them."""
    source: str
    target: str
    invocations: dict[str, int]
    """Function -> how often it is invoked for one original and what becomes of it."""
    metadata: dict[str, str] = field(default_factory=dict)
    prefix: str = ""

    def key(self, name: str) -> str:
        return self.prefix + name

    def output_key(self, name: str) -> str:
        return name


class RunsAway(AssertionError):
    """More invocations than there must be."""


class CannotBeShown(Exception):
    """Not here; no failure."""


class Check:
    def __init__(self, endpoint: str | None, stack: str, color: bool) -> None:
        session = boto3.Session()
        region = session.region_name or "us-east-1"
        names = ("s3", "logs", "lambda", "dynamodb", "cloudformation")
        clients = {name: session.client(name, endpoint_url=endpoint, region_name=region) for name in names}
        self.s3, self.logs, self.lambda_ = clients["s3"], clients["logs"], clients["lambda"]
        self.dynamodb = clients["dynamodb"]
        described = clients["cloudformation"].describe_stacks(StackName=stack)["Stacks"][0]
        self.out = {o["OutputKey"]: o["OutputValue"] for o in described["Outputs"]}
        self.color = color
        self.endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL")
        self.has_clock = self.endpoint is not None and self.clock() is not None
        self.pace = NEAR if self.has_clock else FAR
        self.run_id = str(self.now_ms())
        self.began_ms = self.now_ms() - 1000
        self.waited_s = 0.0
        self.expected: dict[tuple[str, str], tuple[int, int]] = {}
        self.put: set[tuple[str, str]] = set()
        self.failures: list[str] = []
        out = self.out
        self.designs = (
            Design(
                "0. Two buckets",
                "1",
                out["OriginalsBucket"],
                out["ProcessedBucket"],
                {"TwoBucketsFunction": 1},
            ),
            Design(
                "1. Prefix/suffix",
                "1",
                out["PrefixBucket"],
                out["PrefixBucket"],
                {"PrefixFunction": 1},
                prefix="original/",
            ),
            Design(
                "2. Metadata",
                "2",
                out["MetadataBucket"],
                out["MetadataBucket"],
                {"MetadataFunction": 2},
                metadata=MARK,
            ),
            Design(
                "3. DynamoDB table",
                "2, then 1",
                out["TableBucket"],
                out["TableBucket"],
                {"RecorderFunction": 2, "ProcessorFunction": 1},
            ),
        )
        self.functions = [function for design in self.designs for function in design.invocations]

    # What a user does

    def upload(self, bucket: str, key: str, body: bytes, metadata: dict[str, str]) -> str:
        self.put.add((bucket, key))
        return self.s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)["ETag"]

    def upload_original(self, design: Design, name: str, body: bytes) -> str:
        """As the design wants its originals. Expects the design's invocations, and tells the ETag."""
        self.put.add((design.target, design.output_key(name)))
        for function, times in design.invocations.items():
            self.expect(function, design.key(name), times)
        return self.upload(design.source, design.key(name), body, design.metadata)

    def read(self, bucket: str, key: str) -> bytes | None:
        try:
            return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None

    def require_output(self, design: Design, name: str, body: bytes) -> None:
        found = self.read(design.target, design.output_key(name))
        assert found == body, f"{design.title}: {design.output_key(name)!r} is {found!r}, not {body!r}"

    def clock(self, move: dict | None = None) -> dict | None:
        """Pileus's own clock, moved if wanted. None where there is no such thing."""
        url, data = f"{self.endpoint}/_pileus/clock", None if move is None else json.dumps(move).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=60) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return None

    def now_ms(self) -> int:
        return self.clock()["now_ms"] if self.has_clock else int(time.time() * 1000)

    def pass_midnight(self) -> None:
        """To a minute after the next midnight. Only where there is a clock to move."""
        ahead_ms = DAY_MS - self.now_ms() % DAY_MS + 60_000
        assert self.clock({"advance": f"{ahead_ms}ms"}), "the clock did not move"

    # How invocations are counted

    def expect(self, function: str, key: str, times: int, at_most: int | None = None) -> None:
        """So many invocations more than were expected before."""
        least, most = self.expected.get((function, key), (0, 0))
        self.expected[function, key] = (least + times, most + (at_most or times))

    def told(self, function: str) -> Told:
        """What is in the log of a function since this check began."""
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self.out[function]}", startTime=self.began_ms
        )
        try:
            return read_log(event["message"] for page in pages for event in page["events"])
        except self.logs.exceptions.ResourceNotFoundException:
            return Told()  # a log group comes with the first invocation

    def counted(self) -> tuple[dict[tuple[str, str], int], list[str]]:
        """Invocations by function and key, and what must not be in a log. Other people's uploads are their affair."""
        counts, complaints = {}, []
        for function in self.functions:
            told = self.told(function)
            invocations = told.invocations().items()
            counts |= {(function, key): times for key, times in invocations if self.run_id in key}
            complaints += [f"{function}: {line}" for line in told.lines if line["event"] == "failed"]
            if told.unexplained():
                complaints.append(f"{told.unexplained()} invocations of {function} are for no key")
        return counts, complaints

    def settle(self) -> None:
        """Wait for the expected invocations, then long enough to see that no more come."""

        def all_came() -> bool:
            counts, _ = self.counted()
            return all(counts.get(one, 0) >= least for one, (least, _) in self.expected.items())

        if self.wait(all_came):
            self.be_quiet()
        counts, complaints = self.counted()
        wrong = misses(self.expected, counts)
        self.expected = {one: (times, times) for one, times in counts.items()}  # one miss is told once
        told = "; ".join([*map(str, wrong), *complaints][:MOST_TOLD])
        self.throttle(sorted({miss.function for miss in wrong if miss.is_too_many}), told)
        assert not told, told

    def throttle(self, functions: list[str], why: str) -> None:
        """Whatever is invoked more than it should be may be in a loop: that is what the valve is for."""
        for function in functions:
            self.set_valve(function, 0)
        if functions:
            raise RunsAway(f"{why}. Throttled: {', '.join(functions)}. Nothing more is checked")

    def wait(self, holds: Callable[[], bool]) -> bool:
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > self.pace.deadline_s:
                return False
            time.sleep(self.pace.poll_s)
        self.waited_s = time.monotonic() - began
        return True

    def be_quiet(self) -> None:
        time.sleep(max(self.pace.quiet_s, 2 * self.waited_s))

    # What it shows

    def paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def run(self) -> int:
        try:
            self.take_steps()
        finally:
            self.clean()
        return 1 if self.failures else 0

    def take_steps(self) -> None:
        for step in (
            self.one_object_in_each_design,
            self.odd_keys_and_several_at_once,
            self.what_is_no_original_is_left_alone,
            self.a_processed_object_is_overwritten,
            self.after_midnight_it_is_an_original_again,
            self.objects_deleted_before_the_function_comes,
            self.the_valve_stops_a_loop,
        ):
            began = time.perf_counter()
            name = step.__name__.replace("_", " ")
            try:
                step()
            except CannotBeShown as reason:
                print(f"  {self.paint('33', 'SKIPPED')} {name}: {reason}")
            except AssertionError as error:
                self.failures.append(name)
                print(f"  {self.paint('31', 'FAILED')} {name}: {error}")
                if isinstance(error, RunsAway):
                    break
            else:
                print(f"  {self.paint('32', 'ok')} {name} ({time.perf_counter() - began:.1f} s)")

    def show_table(self, etags: dict[str, str], name: str) -> None:
        measured = [self.measured(design, name, etags[design.title]) for design in self.designs]
        yes = {True: "Y", False: "N"}
        rows: list[tuple[str, Iterable[str]]] = [
            ("", (d.title for d in self.designs)),
            ("Output uses the same bucket", (yes[d.source == d.target] for d in self.designs)),
            ("Output uses the same key", (yes[d.key(name) == d.output_key(name)] for d in self.designs)),
            ("User-defined metadata", (yes[bool(d.metadata)] for d in self.designs)),
            ("Lambda invocations per object", (d.stated for d in self.designs)),
            ("                       measured", measured),
        ]
        for number, (label, cells) in enumerate(rows):
            line = f"    {label:<31}"
            for design, cell in zip(self.designs, cells, strict=True):
                code = "1" if number == 0 else "36" if cell == "Y" else "2" if cell == "N" else "0"
                if label.endswith("measured"):
                    code = "32" if cell == design.stated else "31"
                line += "  " + self.paint(code, f"{cell:<17}")
            print(line.rstrip())

    def measured(self, design: Design, name: str, etag: str) -> str:
        """Invocations for one object; for a design of two functions those for the original, then for the processed."""
        by_function = {function: self.told(function) for function in design.invocations}
        key = design.key(name)
        total = sum(told.invocations()[key] for told in by_function.values())
        if len(by_function) == 1:
            return str(total)
        told = by_function["RecorderFunction"]
        for_processed = sum(
            told.starts[line["request"]] for line in told.about(key) if line.get("etag") != etag.strip('"')
        )
        return f"{total - for_processed}, then {for_processed}"

    def clean(self) -> None:
        """Objects that are still there would keep the stack's buckets from being deleted."""
        for bucket, key in self.put:
            self.s3.delete_object(Bucket=bucket, Key=key)

    # The steps

    def one_object_in_each_design(self) -> None:
        name = f"one-{self.run_id}.txt"
        self.keep_off_midnight()
        etags = {design.title: self.upload_original(design, name, ORIGINAL) for design in self.designs}
        self.settle()
        for design in self.designs:
            self.require_output(design, name, PROCESSED)
        self.show_table(etags, name)
        for design in self.designs:
            found = self.measured(design, name, etags[design.title])
            assert found == design.stated, f"{design.title}: {found} invocations, not {design.stated}"

    def keep_off_midnight(self) -> None:
        left_ms = DAY_MS - self.now_ms() % DAY_MS
        if left_ms > MIDNIGHT_MARGIN_MS:
            return
        if self.has_clock:
            self.pass_midnight()
        else:
            print(f"    midnight is near: waiting {left_ms / 1000:.0f} s")
            time.sleep(left_ms / 1000 + 1)

    def odd_keys_and_several_at_once(self) -> None:
        names = [f"{self.run_id}/{name}" for name in ODD_NAMES]
        todo = [(design, name) for name in names for design in self.designs]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: self.upload_original(*one, f"{one[1]}\n".encode()), todo))
        self.settle()
        for design, name in todo:
            self.require_output(design, name, f"1: {name}\n".encode())

    def what_is_no_original_is_left_alone(self) -> None:
        prefix, metadata = self.designs[1], self.designs[2]
        for key in (f"{self.run_id}.txt", f"original/{self.run_id}.png", f"Original/{self.run_id}.txt"):
            self.upload(prefix.source, key, ORIGINAL, {})  # expects nothing
        key = f"unmarked-{self.run_id}.txt"
        self.expect("MetadataFunction", key, 1)
        self.upload(metadata.source, key, ORIGINAL, {"original": "false", "author": "you"})
        nested = f"original/original/nested-{self.run_id}.txt"
        self.expect("PrefixFunction", nested, 1)
        self.upload(prefix.source, nested, ORIGINAL, {})
        self.put.add((prefix.source, f"nested-{self.run_id}.txt"))
        self.settle()
        assert self.read(metadata.source, key) == ORIGINAL, "an object without the mark was processed"
        self.require_output(prefix, f"nested-{self.run_id}.txt", PROCESSED)
        assert self.read(prefix.source, f"original/nested-{self.run_id}.txt") is None, "an output has the prefix"

    def a_processed_object_is_overwritten(self) -> None:
        """By somebody who knows of no mark, on the same day."""
        name = f"one-{self.run_id}.txt"
        two_buckets, prefix, metadata, table = self.designs
        item = self.item(name)
        midnight_s = (self.now_ms() // DAY_MS + 1) * DAY_MS // 1000
        assert item == {"ID": {"S": name}, "TimeToLive": {"N": str(midnight_s)}}, f"the table has {item}"
        for design in (two_buckets, prefix):
            self.upload_original(design, name, b"again\n")
        self.expect("MetadataFunction", name, 1)
        self.upload(metadata.source, name, b"again\n", {})
        self.expect("RecorderFunction", name, 1)
        self.upload(table.source, name, b"again\n", {})
        self.settle()
        for design, body in zip(self.designs, (b"1: again\n", b"1: again\n", b"again\n", b"again\n"), strict=True):
            self.require_output(design, name, body)
        assert self.item(name) == item, "the item is another one"

    def after_midnight_it_is_an_original_again(self) -> None:
        if not self.has_clock:
            raise CannotBeShown("this endpoint's clock does not move")
        name = f"one-{self.run_id}.txt"
        self.pass_midnight()
        assert self.wait(lambda: self.item(name) is None), f"the item has not expired: {self.item(name)}"
        for design in self.designs:
            self.upload_original(design, name, b"tomorrow\n")
        self.settle()
        for design in self.designs:
            self.require_output(design, name, b"1: tomorrow\n")

    def item(self, key: str) -> dict | None:
        answer = self.dynamodb.get_item(TableName=self.out["KeysTable"], Key={"ID": {"S": key}}, ConsistentRead=True)
        return answer.get("Item")

    def objects_deleted_before_the_function_comes(self) -> None:
        gone = f"gone-{self.run_id}.txt"
        for design in self.designs[:3]:
            (function,) = design.invocations
            self.expect(function, design.key(gone), 1)
            self.notify(function, design.source, design.key(gone))
        metadata, table = self.designs[2:]
        raced = [f"raced-{self.run_id}-{number}.txt" for number in range(RACED)]
        for key in raced:  # whoever comes first: the function never brings back what was deleted
            self.expect("MetadataFunction", key, 1, at_most=2)
            self.expect("RecorderFunction", key, 1, at_most=2)
            self.expect("ProcessorFunction", key, 1)

        def race(design: Design, number: int) -> None:
            self.upload(design.source, raced[number], ORIGINAL, design.metadata)
            time.sleep(number * RACE_STEP_S)
            self.s3.delete_object(Bucket=design.source, Key=raced[number])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(race, [metadata, table] * RACED, sorted([*range(RACED)] * 2)))
        self.settle()
        for design in self.designs[:3]:
            (function,) = design.invocations
            said = [line["event"] for line in self.told(function).about(design.key(gone))]
            assert said == ["gone"], f"{function} said {said}"
            assert self.read(design.target, design.output_key(gone)) is None, f"{design.title} wrote something"
        for design in (metadata, table):
            left = [key for key in raced if self.read(design.source, key) is not None]
            assert not left, f"{design.title} brought back {left}"

    def notify(self, function: str, bucket: str, key: str) -> None:
        """Invoke a function as S3 does, of an object that is not there."""
        about = {"bucket": {"name": bucket}, "object": {"key": key, "eTag": ""}}
        record = {"eventTime": datetime.fromtimestamp(self.now_ms() / 1000, UTC).isoformat(), "s3": about}
        self.lambda_.invoke(
            FunctionName=self.out[function], InvocationType="Event", Payload=json.dumps({"Records": [record]})
        )

    def the_valve_stops_a_loop(self) -> None:
        key, loop, bucket = f"loop-{self.run_id}.txt", self.out["LoopFunction"], self.out["LoopBucket"]
        normal = self.valve("TwoBucketsFunction")
        for function in (*self.functions, "LoopFunction"):
            assert self.valve(function) is not None, f"{function} has no reserved concurrency"
        self.set_valve("LoopFunction", normal)  # as it was deployed, if a check was interrupted here
        try:
            began = time.monotonic()
            self.upload(bucket, key, b"", {})
            assert self.wait(lambda: self.told("LoopFunction").invocations()[key] >= 3), "there is no loop to stop"
            self.set_valve("LoopFunction", 0)
            ran_s = time.monotonic() - began
            self.be_quiet()
            stopped_at = self.told("LoopFunction").invocations()[key]
            self.be_quiet()
            later = self.told("LoopFunction").invocations()[key]
            assert later == stopped_at, f"{later - stopped_at} more invocations with a concurrency of 0"
            rounds = int(self.s3.head_object(Bucket=bucket, Key=key)["Metadata"]["round"])
            settings = self.lambda_.get_function_configuration(FunctionName=loop)["Environment"]["Variables"]
            assert rounds < int(settings["FUSE"]), "the fuse stopped it, not the valve"
        finally:
            self.s3.delete_object(Bucket=bucket, Key=key)  # first: the valve opens on nothing
            self.set_valve("LoopFunction", normal)
        self.be_quiet()
        reopened = self.told("LoopFunction").invocations()[key]
        assert reopened == stopped_at, f"{reopened - stopped_at} more invocations after the valve was opened"
        print(f"    {stopped_at} invocations in {ran_s:.1f} s, none after the concurrency was set to 0")

    def valve(self, function: str) -> int | None:
        answer = self.lambda_.get_function_concurrency(FunctionName=self.out[function])
        return answer.get("ReservedConcurrentExecutions")

    def set_valve(self, function: str, concurrency: int) -> None:
        """0 is what the console's button "Throttle" sets."""
        self.lambda_.put_function_concurrency(FunctionName=self.out[function], ReservedConcurrentExecutions=concurrency)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", help="default: AWS_ENDPOINT_URL, or AWS itself")
    parser.add_argument("--stack", default="recursion")
    parser.add_argument("--color", action="store_true", default=sys.stdout.isatty())
    arguments = parser.parse_args()
    return Check(arguments.endpoint, arguments.stack, arguments.color).run()


if __name__ == "__main__":
    sys.exit(main())
