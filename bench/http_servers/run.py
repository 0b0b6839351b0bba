"""Measure the candidates for the HTTP server: `python bench/http_servers/run.py [NAME ...]`.

Needs wrk and `pip install aiohttp granian`. Rounds are interleaved, the median counts: on a machine that does other
things too, only ratios mean anything. Prints requests/s, the resident set when idle, and the seconds from exec to the
first answer.
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ["ceiling", "uvicorn", "granian", "aiohttp", "pileus"]
ROUNDS, SECONDS = 3, 2
SIZE = 8 << 20
POST = "wrk.method='POST' wrk.headers['Content-Type']='application/json' wrk.body='{\"MessageBody\":\"'..string.rep('x',82)..'\"}'"
PUT = f"wrk.method='PUT' wrk.body=string.rep('x',{SIZE})"
LOADS = [("json 1", POST, "/json", 1), ("json 16", POST, "/json", 16), ("json 64", POST, "/json", 64),
         ("PUT 8 MiB", PUT, "/body", 4), ("GET 8 MiB", "", "/file", 4)]  # fmt: skip


def start(name: str, port: int, file: str) -> tuple[subprocess.Popen, float]:
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent / "src")}
    process = subprocess.Popen([sys.executable, HERE / "servers.py", name, str(port), file], env=environment)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as probe:
                probe.sendall(b"POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
                probe.recv(1000)
            return process, time.perf_counter() - began
        except ConnectionError:
            assert process.poll() is None, f"{name} did not start"
            time.sleep(0.005)


def resident_mib(process: subprocess.Popen) -> float:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024


def load(script: str, url: str, connections: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(script)
        lua.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}", "-s", lua.name, url]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # wrk names failures only when there are some; a rate with failures in it is no rate.
    assert "Non-2xx" not in out, out
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def main() -> None:
    names = sys.argv[1:] or NAMES
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(SIZE))
        file.flush()
        running = {name: (18_100 + at, *start(name, 18_100 + at, file.name)) for at, name in enumerate(names)}
        idle = {name: resident_mib(process) for name, (_, process, _) in running.items()}
        rates: dict[tuple[str, str], list[float]] = {}
        try:
            for _ in range(ROUNDS):
                for title, script, path, connections in LOADS:
                    for name, (port, _, _) in running.items():
                        if name == "ceiling" and path != "/json":
                            continue
                        rate = load(script, f"http://127.0.0.1:{port}{path}", connections)
                        rates.setdefault((name, title), []).append(rate)
            after = {name: resident_mib(process) for name, (_, process, _) in running.items()}
        finally:
            for _, process, _ in running.values():
                process.kill()
                process.wait()
    print("| server | " + " | ".join(title for title, *_ in LOADS) + " | MiB idle | after | start s |")
    print("|---" * (len(LOADS) + 4) + "|")
    for name, (_, _, seconds) in running.items():
        cells = [f"{statistics.median(rates[name, t]):,.0f}" if (name, t) in rates else "–" for t, *_ in LOADS]
        print(f"| {name} | " + " | ".join(cells) + f" | {idle[name]:.0f} | {after[name]:.0f} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
