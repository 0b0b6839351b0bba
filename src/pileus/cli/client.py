"""The commands that ask a running Pileus on this machine."""

import json
import sys
import urllib.error
import urllib.request

import click


def ask(port: int, path: str, body: dict | None = None) -> dict:
    """Its answer; ends the program with 1 and one line if there is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_pileus/{path}", data=data)
    try:
        with urllib.request.urlopen(request) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        click.echo(f"pileus: {json.load(error).get('message', error)}", err=True)
    except OSError:
        click.echo(f"pileus: nothing answers on port {port}; is `pileus start` running?", err=True)
    sys.exit(1)


def print_status(port: int) -> None:
    status = ask(port, "status")
    click.echo(f"Pileus {status['version']} on port {port}: {status['status']}")
    click.echo(f"  services    {', '.join(status['services'])}")
    click.echo(f"  data        {status['data_dir'] or 'nothing is kept'} (durability {status['durability']})")
    click.echo(f"  auth        {status['auth']}, permissions: {status['iam']}")
    for what, how in status["isolation"].items():
        click.echo(f"  functions   {what}: {how}")


def move_clock(port: int, move: dict) -> None:
    answer = ask(port, "clock", move)
    click.echo(answer["now"] + (" (frozen)" if answer["is_frozen"] else ""))
    if not answer.get("is_quiet", True):
        click.echo(
            "What fell due has run, but something still does: functions that call each other in a loop?", err=True
        )


def print_explanation(port: int, request_id: str) -> None:
    answer = ask(port, f"explain/{request_id}")
    click.echo(answer["message"])
    click.echo(answer["explanation"])
