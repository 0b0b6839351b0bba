"""The cloud's own pages: what is here, its clock, whom it denied what."""

from pathlib import Path

from pileus.authz.explain import explain
from pileus.gateway.clock_moves import move
from pileus.kernel.clock import iso8601
from pileus.kernel.errors import AccessDenied, AwsError
from pileus.kernel.pages import Page, Pages, Place, Redirect, Visit


class ClockRefused(AwsError):
    code = "Clock"


async def home(visit: Visit) -> Page:
    cloud = visit.cloud
    settings = cloud.settings
    is_root = visit.principal.kind == "root"
    kept = "nothing is kept" if settings.is_ephemeral else str(settings.data_dir) if is_root else ""
    facts = [
        ("Endpoint", visit.endpoint),
        ("Account", visit.account),
        ("You are", str(visit.principal)),
        ("Durability", settings.durability),
        ("Sign-in", settings.auth),
        ("Permissions", settings.iam),
        ("Data", kept),
    ]
    return Page(
        "home.html", "Pileus", {"facts": facts, "without": _without_pages(cloud), "isolation": cloud.isolation()}
    )


def _without_pages(cloud) -> list[str]:
    return [name for name, service in cloud.registry.services.items() if not service.console]


async def clock(visit: Visit) -> Page:
    clock = visit.cloud.clock
    facts = [
        ("The cloud's time", iso8601(clock.now_ms())),
        ("It", "stands still" if clock.frozen_at_ms is not None else "runs"),
        ("Ahead of this machine's", f"{(clock.now_ms() - clock.wall_ms()) // 1000:,} s"),
    ]
    return Page("clock.html", "Clock", {"facts": facts, "is_still": clock.frozen_at_ms is not None})


async def advance(visit: Visit) -> Redirect:
    return await _move(visit, {"advance": visit.typed("by")})


async def freeze(visit: Visit) -> Redirect:
    return await _move(visit, {"freeze": True})


async def resume(visit: Visit) -> Redirect:
    return await _move(visit, {"resume": True})


async def _move(visit: Visit, wish: dict) -> Redirect:
    """Time is everybody's, so who moves it must be root; and of this machine, as for `pileus clock`."""
    if visit.principal.kind != "root" or visit.source_ip not in ("127.0.0.1", "::1"):
        raise AccessDenied("Only the account's root, on the machine itself, moves the clock.", code="AccessDenied")
    try:
        is_quiet = await move(visit.cloud, wish)
    except ValueError as error:
        raise ClockRefused(str(error)) from error
    notice = f"It is {iso8601(visit.cloud.clock.now_ms())}."
    if is_quiet is False:
        notice += " Something still runs, as in a loop of functions."
    return Redirect(visit.url("clock"), notice)


async def denials(visit: Visit) -> Page:
    """Those of the visitor's account: only its root sees them."""
    if visit.principal.kind != "root":
        raise AccessDenied("Only the account's root sees whom the cloud denied what.", code="AccessDenied")
    found = [
        {
            "request_id": denial.request_id,
            "message": denial.decision.message(),
            "explanation": str(explain(denial.policies, denial.access)),
        }
        for denial in reversed(visit.cloud.gateway.authorizer.denials.values())
        if denial.access.principal.account in ("", visit.account)
    ]
    return Page("denials.html", "Denials", {"denials": found[:100]})


CONSOLE = Pages(
    title="Cloud",
    about="the clock, denials, what is isolated",
    menu=(("Home", "home"), ("Clock", "clock"), ("Denials", "denials")),
    places={
        "home": Place(home),
        "clock": Place(clock, {"advance": advance, "freeze": freeze, "resume": resume}),
        "denials": Place(denials),
    },
    folder=str(Path(__file__).parent / "templates"),
)
