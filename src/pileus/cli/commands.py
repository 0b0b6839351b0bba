"""The commands and their options; what they do is in the module each one imports."""

from pathlib import Path

import click

from pileus import __version__

DEFAULT_PORT = 4566


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pileus")
def main() -> None:
    """A serverless cloud on your own machine. Every option is also read from the environment, as PILEUS_…"""


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), help="One port for all AWS APIs.  [4566]")
@click.option("--host", help="Any but 127.0.0.1 needs --auth strict.  [127.0.0.1]")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where everything is kept.  [~/.pileus]")
@click.option("--ephemeral", "is_ephemeral", is_flag=True, default=None, help="Keep nothing.")
@click.option("--durability", type=click.Choice(["fsync", "process", "none"]), help="What a 2xx survives.  [fsync]")
@click.option("--auth", type=click.Choice(["local", "strict"]), help="local: test/test is root on loopback.  [local]")
@click.option("--iam", type=click.Choice(["enforce", "audit", "off"]), help="Permissions.  [enforce]")
@click.option("--region", help="For callers who name none.  [us-east-1]")
@click.option("--account", help="For callers who name none.  [000000000000]")
@click.option("--i-know-this-is-open", "is_known_open", is_flag=True, default=None, help="Serve others without strict.")
@click.option(
    "--accept-loss", "is_loss_accepted", is_flag=True, default=None, help="Open a damaged log as far as it goes."
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
def start(log_level: str, **options: object) -> None:
    """Serve the AWS APIs until Ctrl-C."""
    from pileus.cli.start import serve

    serve(log_level, options)


@main.command()
@click.option("--port", type=int, default=DEFAULT_PORT, envvar="PILEUS_PORT", show_default=True)
def status(port: int) -> None:
    """Say what runs, and what a function here is isolated from."""
    from pileus.cli.client import print_status

    print_status(port)


@main.command()
@click.option("--markdown", is_flag=True, help="As a table for a README.")
@click.argument("service", required=False)
def coverage(service: str | None, markdown: bool) -> None:
    """Print each operation of the AWS models as implemented, partial or absent, computed from the code."""
    from pileus.cli.coverage import print_coverage

    print_coverage(service, markdown)


@main.command()
@click.argument("template", type=click.Path(exists=True, dir_okay=False, path_type=Path), default="template.yaml")
@click.option("--stack-name", required=True)
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE")
@click.option("--port", type=int, default=DEFAULT_PORT, envvar="PILEUS_PORT", show_default=True)
def deploy(template: Path, stack_name: str, parameters: tuple[str, ...], port: int) -> None:
    """Package TEMPLATE's local code and create or update its stack (functions without dependencies)."""
    from pileus.cli.deploy import run_deploy

    run_deploy(port, template, stack_name, parameters)


@main.group()
@click.option("--port", type=int, default=DEFAULT_PORT, envvar="PILEUS_PORT", show_default=True)
@click.pass_context
def clock(context: click.Context, port: int) -> None:
    """Move the whole cloud through time: what falls due on the way happens, in order."""
    context.obj = port


@clock.command()
@click.argument("duration")
@click.pass_obj
def advance(port: int, duration: str) -> None:
    """Go forward by DURATION: 90s, 5m, 12h, 30d, or milliseconds."""
    from pileus.cli.client import move_clock

    move_clock(port, {"advance": duration})


@clock.command()
@click.argument("time", required=False)
@click.pass_obj
def freeze(port: int, time: str | None) -> None:
    """Stand still, now or at TIME (ISO 8601, not in the past)."""
    from pileus.cli.client import move_clock

    move_clock(port, {"freeze": time or True})


@clock.command()
@click.pass_obj
def resume(port: int) -> None:
    """Go on at the wall's pace, from where the clock stands."""
    from pileus.cli.client import move_clock

    move_clock(port, {"resume": True})


@clock.command()
@click.argument("time")
@click.pass_obj
def set(port: int, time: str) -> None:
    """Go forward to TIME (ISO 8601)."""
    from pileus.cli.client import move_clock

    move_clock(port, {"set": time})


@main.group()
def iam() -> None:
    """Permissions."""


@iam.command()
@click.argument("request_id")
@click.option("--port", type=int, default=DEFAULT_PORT, envvar="PILEUS_PORT", show_default=True)
def explain(request_id: str, port: int) -> None:
    """Show why a request was denied: every statement that was looked at, and which decided."""
    from pileus.cli.client import print_explanation

    print_explanation(port, request_id)


@main.command()
@click.argument("application", default="difference_checker")
def demo(application: str) -> None:
    """Start a Pileus of its own, deploy an application of apps/, show it at work and leave nothing behind."""
    from pileus.cli.demo import run_demo

    run_demo(application)
