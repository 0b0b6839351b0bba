"""Who may visit, and what other pages can't make a browser do."""

import dataclasses

import pytest

from pileus.console.browser import Browser
from pileus.console.shell import Console
from pileus.console.visitors import SESSIONS_LIMIT
from pileus.gateway.local import LocalApi
from pileus.kernel.http import Body, HttpRequest, Peer
from pileus.kernel.pages import ROOT

TABLES = f"{ROOT}/us-east-1/dynamodb/tables"
CREATE = b"action=create&name=made&partition_key=id&partition_type=S&billing=PAY_PER_REQUEST"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def strict(cloud):
    """A browser at a console where only keys that exist count."""
    cloud.pileus.settings = dataclasses.replace(cloud.pileus.settings, auth="strict")
    cloud.pileus.gateway.authenticator._is_local = False
    return Browser(Console(cloud.pileus), cloud.region)


async def key_of_user(cloud, name: str, *actions: str) -> dict:
    await cloud.iam.CreateUser(UserName=name)
    statement = f'{{"Effect": "Allow", "Action": {list(actions)}, "Resource": "*"}}'.replace("'", '"')
    document = f'{{"Version": "2012-10-17", "Statement": [{statement}]}}'
    await cloud.iam.PutUserPolicy(UserName=name, PolicyName="p", PolicyDocument=document)
    return (await cloud.iam.CreateAccessKey(UserName=name))["AccessKey"]


async def test_on_this_machine_the_visitor_is_root_as_with_the_well_known_key(cloud):
    assert f"arn:aws:iam::{cloud.account}:root" in (await cloud.browser.get("")).text


@pytest.mark.parametrize("host", ["rebound.example.com:4566", "192.0.2.1:4566"])
async def test_a_name_that_only_leads_here_makes_nobody_root(cloud, host):
    seen = await cloud.browser.send("GET", TABLES, headers={"host": host})
    assert "Access key ID" in seen.html


async def test_from_another_machine_nobody_is_root(cloud):
    response = await Console(cloud.pileus).handle(
        HttpRequest("GET", TABLES, headers={"host": "localhost:4566"}, client_host="192.0.2.7")
    )
    assert response.status == 302
    assert dict(response.headers)["location"].startswith(f"{ROOT}/sign-in")


async def test_no_function_may_use_it(cloud):
    request = HttpRequest("GET", TABLES, headers={"host": "localhost:4566"}, peer=Peer((), (), is_function=True))
    assert (await Console(cloud.pileus).handle(request)).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://example.com"},
        {"origin": "http://localhost:3000"},
        {"origin": "null"},
        {"origin": "http://[localhost:4566"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_another_page_changes_nothing(cloud, headers):
    seen = await cloud.browser.send("POST", TABLES, body=CREATE, headers={**FORM, **headers})
    assert seen.status == 403
    assert (await cloud.dynamodb.ListTables())["TableNames"] == []


@pytest.mark.parametrize("headers", [{}, {"origin": "http://localhost:4566"}, {"sec-fetch-site": "same-origin"}])
async def test_its_own_page_does(cloud, headers):
    await cloud.browser.send("POST", TABLES, body=CREATE, headers={**FORM, **headers})
    assert (await cloud.dynamodb.ListTables())["TableNames"] == ["made"]


async def test_no_page_frames_it_and_only_its_own_scripts_run(cloud):
    headers = (await cloud.browser.get("")).headers
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


async def test_strict_asks_for_a_key_and_goes_where_one_wanted_to(cloud, strict):
    assert "Access key ID" in (await strict.get("dynamodb/tables")).html
    key = await key_of_user(cloud, "reader", "dynamodb:ListTables")
    seen = await strict.sign_in(key, to=TABLES)
    assert "There is no table in this region." in seen.text
    assert "reader · " in seen.html


@pytest.mark.parametrize("to", ["https://example.com/", "//example.com", "/_pileus/consolex", "/bucket"])
async def test_a_sign_in_leads_nowhere_else(cloud, strict, to):
    key = await key_of_user(cloud, "reader", "dynamodb:ListTables")
    assert "Your cloud" in (await strict.sign_in(key, to=to)).text


async def test_the_well_known_key_is_none_where_only_keys_count_that_exist(cloud, strict):
    seen = await strict.sign_in({"AccessKeyId": "test", "SecretAccessKey": "test"})
    assert (seen.status, "There is no such access key" in seen.html) == (403, True)


async def test_a_wrong_secret_signs_nobody_in(cloud, strict):
    key = await key_of_user(cloud, "reader", "dynamodb:ListTables")
    seen = await strict.sign_in({**key, "SecretAccessKey": "x" + key["SecretAccessKey"][1:]})
    assert (seen.status, strict.cookies) == (403, {})


async def test_who_signed_in_may_what_their_policies_say(cloud, strict):
    key = await key_of_user(cloud, "reader", "dynamodb:ListTables")
    await strict.sign_in(key)
    seen = await strict.post("dynamodb/tables", "create", name="made", partition_key="id", billing="PAY_PER_REQUEST")
    assert seen.status == 403
    assert "is not authorized to perform: dynamodb:CreateTable" in seen.text
    assert (await cloud.dynamodb.ListTables())["TableNames"] == []
    assert "is not authorized" in (await strict.get("dynamodb/backups")).text


async def test_a_key_that_is_gone_ends_the_visit(cloud, strict):
    key = await key_of_user(cloud, "reader", "dynamodb:ListTables")
    await strict.sign_in(key)
    await cloud.iam.UpdateAccessKey(UserName="reader", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert "Access key ID" in (await strict.get("dynamodb/tables")).html
    await cloud.iam.UpdateAccessKey(UserName="reader", AccessKeyId=key["AccessKeyId"], Status="Active")
    assert "Access key ID" in (await strict.get("dynamodb/tables")).html


async def test_temporary_credentials_sign_in_too(cloud, strict):
    key = (await cloud.sts.GetFederationToken(Name="guest"))["Credentials"]
    form = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    seen = await strict.post(f"{ROOT}/sign-in", "", session_token=key["SessionToken"], **form)
    assert "federated-user/guest" in seen.text


async def test_signing_out_ends_it(cloud, strict):
    key = await key_of_user(cloud, "reader", "dynamodb:ListTables")
    await strict.sign_in(key)
    cookie = dict(strict.cookies)
    await strict.post(f"{ROOT}/sign-out", "")
    strict.cookies = cookie
    assert "Access key ID" in (await strict.get("dynamodb/tables")).html


async def test_sign_ins_are_bounded(cloud, strict):
    key = await key_of_user(cloud, "reader", "dynamodb:ListTables")
    await strict.sign_in(key)
    first = dict(strict.cookies)
    visitors = strict._console._visitors
    request = HttpRequest("POST", "/", headers={"host": "localhost"})
    for _ in range(SESSIONS_LIMIT):
        await visitors.sign_in(request, key["AccessKeyId"], key["SecretAccessKey"], "")
    strict.cookies = first
    assert "Access key ID" in (await strict.get("dynamodb/tables")).html


async def test_cookies_are_hidden_from_scripts_and_other_sites(cloud, strict):
    key = await key_of_user(cloud, "reader", "dynamodb:ListTables")
    body = f"access_key_id={key['AccessKeyId']}&secret_access_key={key['SecretAccessKey'].replace('+', '%2B')}".encode()
    request = HttpRequest("POST", f"{ROOT}/sign-in", headers={"host": "localhost"}, scheme="https")
    response = await strict._console.handle(request.with_body(Body(body)))
    (cookie,) = [value for name, value in response.headers if name == "set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Secure", f"Path={ROOT}"} <= {part.strip() for part in cookie.split(";")}


@pytest.mark.parametrize(
    ("headers", "query", "is_console"),
    [
        ({"accept": "text/html,*/*"}, "", True),
        ({"accept": "*/*"}, "", False),
        ({"accept": "text/html", "authorization": "AWS4-HMAC-SHA256 …"}, "", False),
        ({"accept": "text/html"}, "list-type=2", False),
    ],
)
async def test_its_short_address_hides_no_bucket_from_programs(cloud, headers, query, is_console):
    api = LocalApi(cloud.pileus, Console(cloud.pileus).handle)
    response = await api.handle(HttpRequest("GET", "/console", query, {"host": "localhost:4566", **headers}))
    assert (response.status == 302) is is_console
