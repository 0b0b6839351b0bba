"""Addresses, forms and frames."""

import pytest

from pileus.console.rendering import moment, pretty, size, tone
from pileus.console.shell import FORM_LIMIT_BYTES, Console
from pileus.gateway.local import LocalApi
from pileus.kernel.http import BodyTooLarge, HttpRequest
from pileus.kernel.pages import ROOT

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def test_the_first_page_leads_to_every_service_that_has_pages(cloud):
    home = await cloud.browser.get("")
    for name, service in cloud.pileus.registry.services.items():
        assert (f"{ROOT}/us-east-1/{name}" in home.links) is (service.console is not None)


async def test_every_page_of_every_menu_is_there(cloud):
    console = cloud.browser._console
    await cloud.browser.get("")
    for name, pages in console._pages.items():
        for title, path in pages.menu:
            seen = await cloud.browser.get(f"{name}/{path}")
            assert (seen.status, seen.html.count('aria-current="page"') > 0) == (200, True), f"{name}: {title}"


@pytest.mark.parametrize(
    "path",
    [
        "/_pileus/console/nowhere",
        "/_pileus/console/us-east-1/polly",
        "/_pileus/console/us-east-1/dynamodb/tables/a/b/c",
        "/_pileus/console/../console/us-east-1",
        "/_pileus/console/static/../shell.py",
        "/_pileus/console/static/nothing.css",
    ],
)
async def test_what_is_no_page_is_not_found(cloud, path):
    assert (await cloud.browser.get(path)).status == 404


@pytest.mark.parametrize(
    ("name", "kind"), [("console.css", "text/css"), ("console.js", "text/javascript"), ("pileus.svg", "image/svg+xml")]
)
async def test_its_own_files(cloud, name, kind):
    seen = await cloud.browser.get(f"{ROOT}/static/{name}")
    assert (seen.status, seen.headers["content-type"].partition(";")[0]) == (200, kind)


async def test_another_region_is_the_same_page_of_it(cloud):
    seen = await cloud.browser.get(f"{ROOT}/region", region="eu-west-1", service="dynamodb")
    assert f"{ROOT}/eu-west-1/dynamodb/tables" in seen.links
    assert (await cloud.browser.get(f"{ROOT}/region", region="//example.com")).status == 404
    assert (await cloud.browser.get(f"{ROOT}/region", region="eu-west-1", service="/example.com")).status == 404


async def test_what_succeeded_is_told_once(cloud):
    made = await cloud.browser.post("dynamodb/tables", "create", name="made", partition_key="id")
    assert "The table made is being created." in made.text
    assert "is being created" not in (await cloud.browser.get("dynamodb/tables/made")).text


async def test_what_failed_is_told_and_what_was_typed_stays(cloud):
    seen = await cloud.browser.post("dynamodb/tables", "create", name="no", partition_key="the key")
    assert seen.status == 400
    assert "ValidationException" in seen.text
    assert 'value="the key"' in seen.html


async def test_an_error_of_a_page_is_told_in_its_frame(cloud):
    seen = await cloud.browser.get("dynamodb/tables/none")
    assert seen.status == 400
    assert "ResourceNotFoundException Requested resource not found: Table: none not found" in seen.text


async def test_a_form_that_nobody_here_made_does_nothing(cloud):
    assert (await cloud.browser.post("dynamodb/tables", "explode")).status == 404
    assert (
        await cloud.browser.send("POST", f"{ROOT}/us-east-1/dynamodb/tables", body=b"\xff", headers=FORM)
    ).status == 400
    many = b"&".join(b"a=1" for _ in range(2000))
    assert (
        await cloud.browser.send("POST", f"{ROOT}/us-east-1/dynamodb/tables", body=many, headers=FORM)
    ).status == 400
    with pytest.raises(BodyTooLarge):  # the server answers 413
        await cloud.browser.post("dynamodb/tables", "create", name="x" * FORM_LIMIT_BYTES)


async def test_the_clock_is_moved_and_the_cloud_with_it(cloud):
    seen = await cloud.browser.post("cloud/clock", "advance", by="1h")
    assert "It is 2026-01-01T01:00:00.000Z." in seen.text
    assert cloud.clock.now_ms() == cloud.at(3_600_000)
    seen = await cloud.browser.post("cloud/clock", "advance", by="yesterday")
    assert "'yesterday' is no duration" in seen.text


async def test_denials_are_explained(cloud):
    from pileus.kernel.principal import user

    with pytest.raises(Exception, match="not authorized"):
        await cloud.as_(user(cloud.account, "ann", "AIDA"), "sqs").CreateQueue(QueueName="q")
    seen = await cloud.browser.get("cloud/denials")
    assert "ann is not authorized to perform: sqs:CreateQueue" in seen.text


async def test_the_gateway_leads_to_it(cloud):
    api = LocalApi(cloud.pileus, Console(cloud.pileus).handle)
    response = await api.handle(HttpRequest("GET", f"{ROOT}/us-east-1", headers={"host": "localhost:4566"}))
    assert (response.status, b"Your cloud" in response.body) == (200, True)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0, "1970-01-01 00:00:00"),
        (1_767_225_600.5, "2026-01-01 00:00:00"),
        ("1767225600000", "2026-01-01 00:00:00"),
    ],
)
def test_moments(value, shown):
    assert moment(value) == shown


def test_sizes_json_and_tones():
    assert [size(1023), size(1024), size(5 * 1024**3)] == ["1023 B", "1.0 KiB", "5.0 GiB"]
    assert pretty('{"a":1}') == '{\n  "a": 1\n}'
    assert pretty("no json") == "no json"
    assert [tone(each) for each in ("ACTIVE", "UPDATE_ROLLBACK_FAILED", "CREATING", "CREATE_IN_PROGRESS", "?")] == [
        "good", "bad", "busy", "busy", "plain",
    ]  # fmt: skip
