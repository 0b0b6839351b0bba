"""Show that the deployed application works, end to end: `python check.py --endpoint http://localhost:4566`

Uploads documents as a user would and reads the function's log as a user would. Exits with 1 and says which step failed.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

DEADLINE_S = 60
KEEP_VERSIONS = 3
LICENCE = Path(__file__).parents[2] / "LICENSE"

REVISIONS = [
    [],
    [("shall mean the terms and conditions", "means the terms, the conditions")],
    [("non-exclusive, no-charge", "shared, free"), ("Grant of Copyright License", "Grant of a Copyright License")],
    [("WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND", "with no warranty of any kind")],
]
"""What each revision of the licence's text replaces in the one before."""


class Check:
    def __init__(self, endpoint: str | None, stack: str, color: bool) -> None:
        session = boto3.Session()
        region = session.region_name or "us-east-1"
        clients = {
            n: session.client(n, endpoint_url=endpoint, region_name=region) for n in ("s3", "logs", "cloudformation")
        }
        self.s3, self.logs = clients["s3"], clients["logs"]
        described = clients["cloudformation"].describe_stacks(StackName=stack)["Stacks"][0]
        outputs = {o["OutputKey"]: o["OutputValue"] for o in described["Outputs"]}
        self.bucket = outputs["BucketName"]
        self.group = f"/aws/lambda/{outputs['FunctionName']}"
        self.color = color
        self.began_ms = int(time.time() * 1000) - 1000
        self.failures = 0

    # What a user does

    def upload(self, key: str, body: bytes) -> str:
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"]

    def lines(self, key: str | None = None) -> list[dict]:
        """What the function said so far (about this key): its JSON lines in order."""
        found, token = [], {}
        while True:
            try:
                page = self.logs.filter_log_events(
                    logGroupName=self.group, startTime=self.began_ms, filterPattern='{ $.event = "*" }', **token
                )
            except self.logs.exceptions.ResourceNotFoundException:
                return []
            found += [json.loads(event["message"]) for event in page["events"]]
            if "nextToken" not in page:
                return [line for line in found if key is None or line.get("key") == key]
            token = {"nextToken": page["nextToken"]}

    def wait_lines(self, key: str, count: int, of: tuple = ("first", "difference", "gone")) -> list[dict]:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            lines = [line for line in self.lines(key) if line["event"] in of]
            if len(lines) >= count:
                return lines
            if time.monotonic() > deadline:
                raise AssertionError(f"{key}: {count} lines expected, found {lines or 'none'}")
            time.sleep(0.1)

    def versions(self, key: str) -> list[str]:
        answer = self.s3.list_object_versions(Bucket=self.bucket, Prefix=key)
        return [v["VersionId"] for v in answer.get("Versions", []) if v["Key"] == key]

    # What it shows

    def paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def show(self, line: dict) -> None:
        for change in line["changes"]:
            place = f"line {change['line']}" if "line" in change else change.get("path", "")
            removed, added = change.get("removed"), change.get("added")
            parts = [self.paint("2", place)]
            parts += [self.paint("31", f"- {_flat(removed)}")] if removed not in (None, "") else []
            parts += [self.paint("32", f"+ {_flat(added)}")] if added not in (None, "") else []
            print("      " + "  ".join(parts))

    def run(self) -> int:
        for step in (
            self.four_revisions_of_a_text,
            self.json_is_compared_by_structure,
            self.other_suffixes_do_not_invoke,
            self.odd_keys_and_bodies,
            self.a_deleted_version_is_passed_over,
            self.two_uploads_at_once,
        ):
            began = time.perf_counter()
            name = step.__name__.replace("_", " ")
            try:
                step()
            except AssertionError as error:
                self.failures += 1
                print(f"  {self.paint('31', 'FAILED')} {name}: {error}")
            else:
                print(f"  {self.paint('32', 'ok')} {name} ({time.perf_counter() - began:.2f} s)")
        return 1 if self.failures else 0

    # The steps

    def four_revisions_of_a_text(self) -> None:
        key = f"licence-{self.began_ms}.txt"
        text, uploaded = LICENCE.read_text(), []
        for number, replacements in enumerate(REVISIONS, 1):
            for old, new in replacements:
                assert old in text, f"revision {number} does not apply"
                text = text.replace(old, new, 1)
            began = time.perf_counter()
            uploaded.append(self.upload(key, text.encode()))
            line = self.wait_lines(key, number)[-1]
            print(f"    v{number}: {line['event']} told {1000 * (time.perf_counter() - began):.0f} ms after the upload")
            if number == 1:
                assert line["event"] == "first", line
                continue
            assert line["event"] == "difference" and line["current"] == uploaded[-1], line
            assert line["previous"] == uploaded[-2], f"compared with {line['previous']}"
            self.show(line)
            words = json.dumps(line["changes"])
            assert line["count"] >= len(replacements), line
            for old, new in replacements:
                assert any(word in words for word in set(new.split()) ^ set(old.split())), f"{old} is not told"
        dropped = self.wait_lines(key, 1, of=("dropped",))
        assert [line["version"] for line in dropped] == uploaded[:1], dropped
        kept = self.versions(key)
        assert kept == uploaded[:0:-1], f"kept {kept} of {uploaded}"
        print(f"    versions kept: {', '.join(f'v{uploaded.index(v) + 1}' for v in reversed(kept))}; v1 is deleted")

    def json_is_compared_by_structure(self) -> None:
        key = f"settings-{self.began_ms}.json"
        self.upload(key, b'{"color": "blue", "sizes": [1, 2], "old": true}')
        self.wait_lines(key, 1)
        self.upload(key, b'{"sizes": [1, 3], "color": "blue", "new": null}')
        line = self.wait_lines(key, 2)[-1]
        self.show(line)
        assert line["kind"] == "json" and {change["path"] for change in line["changes"]} == {
            "$.sizes[1]",
            "$.old",
            "$.new",
        }, line

    def other_suffixes_do_not_invoke(self) -> None:
        key, after = f"picture-{self.began_ms}.png", f"after-{self.began_ms}.txt"
        self.upload(key, b"not text")
        self.upload(after, b"text")
        self.wait_lines(after, 1)
        assert not self.lines(key), "the picture invoked the function"

    def odd_keys_and_bodies(self) -> None:
        for key, bodies in {
            f"Grüße & 100% {self.began_ms}/a b+c (日本).txt": [b"eins\n", b"zwei\n"],
            f"empty-{self.began_ms}.txt": [b"", b"no longer\n", b""],
            f"binary-{self.began_ms}.txt": [bytes(range(256)), b"text now"],
            f"broken-{self.began_ms}.json": [b"{", b'{"a": 1}'],
        }.items():
            for number, body in enumerate(bodies, 1):
                self.upload(key, body)
                line = self.wait_lines(key, number)[-1]
                assert line["event"] == ("first" if number == 1 else "difference"), line
                assert number == 1 or line["count"] >= 1, line

    def a_deleted_version_is_passed_over(self) -> None:
        key = f"deleted-{self.began_ms}.txt"
        first = self.upload(key, b"one\n")
        self.wait_lines(key, 1)
        second = self.upload(key, b"two\n")
        self.wait_lines(key, 2)
        self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=second)
        self.s3.delete_object(Bucket=self.bucket, Key=key)  # leaves a delete marker between them
        self.upload(key, b"three\n")
        line = self.wait_lines(key, 3)[-1]
        assert line["previous"] == first, line

    def two_uploads_at_once(self) -> None:
        key = f"twice-{self.began_ms}.txt"
        self.upload(key, b"start\n")
        self.wait_lines(key, 1)
        with ThreadPoolExecutor(2) as pool:
            versions = set(pool.map(lambda body: self.upload(key, body), (b"left\n", b"right\n")))
        lines = self.wait_lines(key, 3)[1:]
        assert {line["current"] for line in lines} == versions, lines
        assert len({line["previous"] for line in lines}) == 2, "both were compared with the same version"


def _flat(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= 90 else text[:87] + "…"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", help="default: AWS_ENDPOINT_URL, or AWS itself")
    parser.add_argument("--stack", default="difference-checker")
    parser.add_argument("--color", action="store_true", default=sys.stdout.isatty())
    arguments = parser.parse_args()
    return Check(arguments.endpoint, arguments.stack, arguments.color).run()


if __name__ == "__main__":
    sys.exit(main())
