"""`python -m bench`: measure all, print a table; `--write` puts it into docs/benchmarks.md."""

import argparse
import datetime
import os
import platform as host
import subprocess
from pathlib import Path

from bench import platforms
from bench.measures import MEASURES, Bench

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
TABLE_BEGINS, TABLE_ENDS = "<!-- measured -->", "<!-- end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="measurements whose name contains this")
    parser.add_argument("--platforms", default=",".join(p.name for p in platforms.PLATFORMS))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    chosen = [p for p in platforms.PLATFORMS if p.name in arguments.platforms.split(",")]
    figures, versions = {}, {}
    for platform in chosen:
        programs = platforms.install(platform)
        versions[platform.name] = platforms.version(platform, programs)
        print(f"  {platform.name} {versions[platform.name]}", flush=True)
        with platforms.running(platform, programs) as running:
            figures[platform.name] = Bench(running).run(arguments.only)
    text = table(figures, versions)
    print(text)
    if arguments.write:
        before, _, rest = DOCUMENT.read_text().partition(TABLE_BEGINS)
        after = rest.partition(TABLE_ENDS)[2]
        DOCUMENT.write_text(f"{before}{TABLE_BEGINS}\n{text}\n{TABLE_ENDS}{after}")


def table(figures: dict[str, dict[str, float | None]], versions: dict[str, str]) -> str:
    names = list(figures)
    lines = [f"{_machine()}, {datetime.date.today()}; `make bench`.", ""]
    lines += ["| | " + " | ".join(f"{name} {versions[name]}" for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    for measure in MEASURES:
        values = [figures[name].get(measure) for name in names]
        if any(value is not None for value in values):
            lines.append(f"| {measure} | " + " | ".join("–" if v is None else f"{v:,}" for v in values) + " |")
    return "\n".join(lines)


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return f"{os.cpu_count()} cores ({model or host.machine()}), Python {host.python_version()}, commit {commit}"


if __name__ == "__main__":
    main()
