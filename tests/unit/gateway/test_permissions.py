"""Who may what, through real access keys: keys of users, of accounts, of nobody; and what a denial says."""

import logging

import pytest
from wire import ENDPOINT, ROOT, allow, document, written

from pileus.kernel.errors import AccessDenied
from pileus.kernel.http import HttpRequest
from pileus.kernel.principal import service, user
from pileus.kernel.service import Touch

ANN = "arn:aws:iam::000000000000:user/ann"


@pytest.mark.parametrize(
    ("name", "operation", "members", "action", "resource", "status", "code"),
    [
        ("s3", "ListBuckets", {}, "s3:ListAllMyBuckets", '"arn:aws:s3:::*"', 403, "AccessDenied"),
        ("iam", "GetUser", {"UserName": "bob"}, "iam:GetUser", f"{ANN[:-3]}bob", 403, "AccessDenied"),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "g"},
            "logs:CreateLogGroup",
            "arn:aws:logs:us-east-1:000000000000:log-group:g",
            400,
            "AccessDeniedException",
        ),
        ("lambda", "ListFunctions", {}, "lambda:ListFunctions", "*", 403, "AccessDeniedException"),
    ],
)
async def test_a_denial_says_who_what_where_and_why(wire, name, operation, members, action, resource, status, code):
    key = await wire.user("ann")
    answer = await wire.call(name, operation, key=key, **members)
    assert (answer.status, answer.code) == (status, code)
    assert answer.message.startswith(f"User: {ANN} is not authorized to perform: {action} on resource: {resource}")
    assert answer.message.endswith(f" because no identity-based policy allows the {action} action")


async def test_sqs_says_access_denied_over_json_as_it_did_over_query(wire):
    key = await wire.user("ann")
    await wire.call("sqs", "CreateQueue", QueueName="jobs")
    answer = await wire.call("sqs", "GetQueueUrl", key=key, QueueName="jobs")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.headers["x-amzn-query-error"] == "AccessDenied;Sender"


async def test_a_user_may_do_what_its_policy_allows_and_nothing_beside(wire):
    key = await wire.user(
        "ann", allow("sqs:*", "arn:aws:sqs:*:*:ann-*"), allow("s3:GetObject", "arn:aws:s3:::bucket/pub/*")
    )
    url = (await wire.call("sqs", "CreateQueue", key=key, QueueName="ann-jobs")).parsed["QueueUrl"]
    assert (await wire.call("sqs", "SendMessage", key=key, QueueUrl=url, MessageBody="x")).status == 200
    assert (await wire.call("sqs", "CreateQueue", key=key, QueueName="jobs")).code == "AccessDenied"
    assert "jobs" not in str((await wire.call("sqs", "ListQueues", QueueNamePrefix="jobs")).parsed)

    await wire.call("s3", "CreateBucket", Bucket="bucket")
    for path in ("pub/a", "own/a"):
        await wire.call("s3", "PutObject", Bucket="bucket", Key=path, Body=b"content")
    assert (await wire.call("s3", "GetObject", key=key, Bucket="bucket", Key="pub/a")).body == b"content"
    assert (await wire.call("s3", "GetObject", key=key, Bucket="bucket", Key="own/a")).status == 403
    assert (await wire.call("s3", "PutObject", key=key, Bucket="bucket", Key="pub/a", Body=b"x")).status == 403


async def test_an_explicit_deny_in_a_bucket_policy_holds_for_root_too(wire):
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    await wire.call("s3", "PutObject", Bucket="bucket", Key="k", Body=b"content")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
    assert (await wire.call("s3", "PutBucketPolicy", Bucket="bucket", Policy=document(deny))).status == 204
    answer = await wire.call("s3", "GetObject", Bucket="bucket", Key="k")
    assert (answer.status, answer.headers["content-type"]) == (403, "application/xml")
    assert b"with an explicit deny in a resource-based policy" in answer.body
    await wire.call("s3", "DeleteBucketPolicy", Bucket="bucket")
    assert (await wire.call("s3", "GetObject", Bucket="bucket", Key="k")).body == b"content"


async def test_the_anonymous_reach_what_a_bucket_policy_shows_everybody(wire):
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    await wire.call("s3", "PutObject", Bucket="bucket", Key="k", Body=b"content")
    denied = await wire.call("s3", "GetObject", key=None, Bucket="bucket", Key="k")
    assert denied.status == 403
    assert b"<Code>AccessDenied</Code><Message>Access Denied</Message>" in denied.body
    await wire.call("s3", "DeletePublicAccessBlock", Bucket="bucket")
    show = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
    assert (await wire.call("s3", "PutBucketPolicy", Bucket="bucket", Policy=document(show))).status == 204
    assert (await wire.call("s3", "GetObject", key=None, Bucket="bucket", Key="k")).body == b"content"
    assert (await wire.call("s3", "PutObject", key=None, Bucket="bucket", Key="k", Body=b"x")).status == 403
    assert (await wire.call("s3", "DeleteObject", key=None, Bucket="bucket", Key="k")).status == 403


async def test_a_bucket_policy_may_ask_where_a_browser_comes_from(wire):
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    await wire.call("s3", "PutObject", Bucket="bucket", Key="k", Body=b"content")
    await wire.call("s3", "DeletePublicAccessBlock", Bucket="bucket")
    show = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
    show["Condition"] = {"StringLike": {"aws:Referer": "https://app.example.com/*"}}
    await wire.call("s3", "PutBucketPolicy", Bucket="bucket", Policy=document(show))
    for referer, status in (("https://app.example.com/page", 200), ("https://example.org/", 403), ("", 403)):
        headers = {"host": "localhost:4566"} | ({"referer": referer} if referer else {})
        assert (await wire.send(HttpRequest("GET", "/bucket/k", "", headers))).status == status


async def test_an_inactive_key_opens_nothing(wire):
    key = await wire.user("ann", allow("*"))
    assert (await wire.call("sts", "GetCallerIdentity", key=key)).parsed["Arn"] == ANN
    await wire.cloud.iam.UpdateAccessKey(UserName="ann", AccessKeyId=key[0], Status="Inactive")
    assert (await wire.call("sts", "GetCallerIdentity", key=key)).code == "InvalidClientTokenId"
    await wire.cloud.iam.UpdateAccessKey(UserName="ann", AccessKeyId=key[0], Status="Active")
    await wire.cloud.iam.DeleteAccessKey(UserName="ann", AccessKeyId=key[0])
    assert (await wire.call("sqs", "ListQueues", key=key)).code == "UnrecognizedClientException"
    assert (await wire.call("s3", "ListBuckets", key=key)).code == "InvalidAccessKeyId"


# Whose key it is


async def test_twelve_digits_are_that_account_with_the_secret_test(wire):
    there = ("111122223333", "test")
    answer = await wire.call("sts", "GetCallerIdentity", key=there)
    assert (answer.parsed["Account"], answer.parsed["Arn"]) == ("111122223333", "arn:aws:iam::111122223333:root")
    await wire.call("sqs", "CreateQueue", key=there, QueueName="theirs")
    assert "QueueUrls" not in (await wire.call("sqs", "ListQueues")).parsed
    url = (await wire.call("sqs", "ListQueues", key=there)).parsed["QueueUrls"][0]
    assert url == f"{ENDPOINT}/111122223333/theirs"
    assert (await wire.call("sqs", "SendMessage", QueueUrl=url, MessageBody="x")).code == "AccessDenied"
    assert (await wire.call("sqs", "ListQueues", key=("111122223333", "other"))).code == "InvalidSignatureException"
    assert (await wire.call("sqs", "ListQueues", key=("1111", "test"))).code == "UnrecognizedClientException"


@pytest.mark.parametrize("host", ["192.0.2.1", "::ffff:192.0.2.1", ""])
async def test_the_well_known_keys_count_on_this_machine_only(wire, host):
    for key in (ROOT, ("111122223333", "test")):
        request = written("sqs", "ListQueues", {}, key)
        request.client_host = host
        answer = await wire.send(request, "sqs", "ListQueues")
        assert (answer.status, answer.code) == (400, "UnrecognizedClientException")
    key = await wire.user("ann", allow("sqs:ListQueues"))
    request = written("sqs", "ListQueues", {}, key)
    request.client_host = host
    assert (await wire.send(request, "sqs", "ListQueues")).status == 200


async def test_strict_knows_no_well_known_keys(opened):
    wire = await opened(auth="strict")
    assert (await wire.call("sqs", "ListQueues")).code == "UnrecognizedClientException"
    assert (await wire.call("s3", "ListBuckets")).code == "InvalidAccessKeyId"
    assert (await wire.call("iam", "ListUsers", key=("111122223333", "test"))).code == "InvalidClientTokenId"
    key = await wire.user("ann", allow("sqs:*"))
    assert (await wire.call("sqs", "ListQueues", key=key)).status == 200


async def test_audit_lets_pass_and_logs_what_it_would_deny(opened, caplog):
    wire = await opened(iam="audit")
    key = await wire.user("ann")
    with caplog.at_level(logging.WARNING):
        answer = await wire.call("sqs", "ListQueues", key=key)
    assert answer.status == 200
    assert answer.headers["x-amzn-requestid"] in caplog.text
    assert "no identity-based policy allows the sqs:ListQueues action" in caplog.text


async def test_off_asks_nobody(opened):
    wire = await opened(iam="off")
    key = await wire.user("ann")
    assert (await wire.call("sqs", "CreateQueue", key=key, QueueName="jobs")).status == 200
    assert not wire.gateway.authorizer.denials


# Sessions


async def test_a_roles_session_may_what_the_role_may_until_it_expires(wire):
    trust = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
    await wire.cloud.iam.CreateRole(RoleName="sender", AssumeRolePolicyDocument=document(trust))
    await wire.cloud.iam.PutRolePolicy(
        RoleName="sender", PolicyName="p", PolicyDocument=document(allow("sqs:SendMessage"))
    )
    url = (await wire.call("sqs", "CreateQueue", QueueName="jobs")).parsed["QueueUrl"]
    role = "arn:aws:iam::000000000000:role/sender"
    made = await wire.call("sts", "AssumeRole", RoleArn=role, RoleSessionName="me", DurationSeconds=900)
    given = made.parsed["Credentials"]
    key = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    who = await wire.call("sts", "GetCallerIdentity", key=key)
    assert who.parsed["Arn"] == "arn:aws:sts::000000000000:assumed-role/sender/me"
    assert (await wire.call("sqs", "SendMessage", key=key, QueueUrl=url, MessageBody="x")).status == 200
    denied = await wire.call("sqs", "PurgeQueue", key=key, QueueUrl=url)
    assert denied.message.startswith(f"User: {who.parsed['Arn']} is not authorized to perform: sqs:")
    wrong = (key[0], "x" * 40, key[2])
    assert (await wire.call("sqs", "ListQueues", key=wrong)).code == "InvalidSignatureException"

    await wire.cloud.advance(900_000 - 1)
    assert (await wire.call("sqs", "SendMessage", key=key, QueueUrl=url, MessageBody="x")).status == 200
    await wire.cloud.advance(1)
    assert (
        await wire.call("sqs", "SendMessage", key=key, QueueUrl=url, MessageBody="x")
    ).code == "ExpiredTokenException"
    assert (await wire.call("sts", "GetCallerIdentity", key=key)).code == "ExpiredToken"
    assert (await wire.call("s3", "ListBuckets", key=key)).code == "ExpiredToken"


# Calls that begin inside the cloud


async def test_one_service_asking_another_is_authorized_like_anyone(wire):
    await wire.call("sqs", "CreateQueue", QueueName="jobs")
    url = f"{ENDPOINT}/000000000000/jobs"
    s3 = service("s3.amazonaws.com", source_account="000000000000", source_arn="arn:aws:s3:::bucket")
    outer = wire.cloud.pileus.call("s3", "PutObject", principal=s3, account="000000000000")
    with pytest.raises(AccessDenied) as denied:
        await outer.invoke("sqs", "SendMessage", {"QueueUrl": url, "MessageBody": "x"}, principal=s3)
    assert "because no resource-based policy allows the sqs:" in denied.value.message
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:us-east-1:000000000000:jobs",
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}},
    }
    await wire.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": document(trust)})
    request = {"QueueUrl": url, "MessageBody": "x"}
    await outer.invoke("sqs", "SendMessage", request, principal=s3, source_arn="arn:aws:s3:::bucket")
    with pytest.raises(AccessDenied):
        await outer.invoke("sqs", "SendMessage", request, principal=s3, source_arn="arn:aws:s3:::other")


async def test_an_operation_may_ask_for_each_of_its_parts(wire):
    await wire.user("ann", allow("sqs:SendMessage", "arn:aws:sqs:*:*:ann-*"))
    found = await wire.cloud.iam.GetUser(UserName="ann")
    ann = user("000000000000", "ann", found["User"]["UserId"])
    call = wire.cloud.pileus.call("sqs", "SendMessageBatch", principal=ann)
    await call.authorize([Touch("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:ann-jobs")])
    with pytest.raises(AccessDenied, match="because no identity-based policy allows the sqs:sendmessage action"):
        await call.authorize([Touch("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:jobs")])


# Why


async def test_a_denial_is_remembered_and_explained(wire):
    key = await wire.user(
        "ann",
        allow("sqs:SendMessage"),
        allow("sqs:ListQueues", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    )
    denied = await wire.call("sqs", "ListQueues", key=key)
    request_id = denied.headers["x-amzn-requestid"]
    assert request_id in wire.gateway.authorizer.denials
    explained = await wire.ask("GET", f"/_pileus/explain/{request_id}")
    assert explained.status == 200
    text = explained.body.decode()
    assert denied.message.partition(" because ")[0][:60] in text
    assert "does not apply" in text
    assert "aws:multifactorauthpresent is absent" in text


async def test_only_the_newest_denials_are_remembered(wire, monkeypatch):
    monkeypatch.setattr("pileus.gateway.authorize.REMEMBERED_DENIALS", 2)
    key = await wire.user("ann")
    answers = [await wire.call("sqs", "ListQueues", key=key) for _ in range(3)]
    ids = [answer.headers["x-amzn-requestid"] for answer in answers]
    assert list(wire.gateway.authorizer.denials) == ids[1:]
    gone = await wire.ask("GET", f"/_pileus/explain/{ids[0]}")
    assert gone.status == 404


async def test_a_denied_operation_never_runs(wire, monkeypatch):
    ran = []

    async def spied(call, request):
        ran.append(call.operation)

    monkeypatch.setitem(wire.cloud.pileus.registry.get("sqs")._functions, "list_queues", spied)
    key = await wire.user("ann")
    await wire.call("sqs", "ListQueues", key=key)
    await wire.call("sqs", "ListQueues", key=("test", "wrong"))
    await wire.call("sqs", "ListQueues", key=None)
    assert ran == []
    await wire.call("sqs", "ListQueues")
    assert ran == ["ListQueues"]
