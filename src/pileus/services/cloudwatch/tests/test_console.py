"""CloudWatch's pages: what they show is what the operations tell."""

from pileus.services.cloudwatch.tests.conftest import RULE, definition

SCRIPT = "<script>alert(1)</script>"


async def test_there_may_be_no_rules(cloud):
    assert "There is no rule in this region." in (await cloud.browser.get("cloudwatch/insight-rules")).text


async def test_rules_are_listed_with_what_they_count(cloud, dynamodb, rule):
    throttled = RULE.replace("PKC", "SKT")
    text = definition("PartitionKey", "SortKey", value="ThrottleCount")
    await dynamodb.PutInsightRule(RuleName=throttled, RuleDefinition=text)
    seen = (await cloud.browser.get("cloudwatch/insight-rules")).text
    assert f"{RULE} ENABLED ConsumedThroughputUnits PartitionKey" in seen
    assert f"{throttled} ENABLED ThrottleCount PartitionKey, SortKey" in seen


async def test_a_page_of_rules_leads_to_the_next(cloud, dynamodb):
    for at in range(51):
        name = f"DynamoDBContributorInsights-PKC-t-{at:03}"
        await dynamodb.PutInsightRule(RuleName=name, RuleDefinition=definition())
    first = await cloud.browser.get("cloudwatch/insight-rules")
    second = await cloud.browser.follow(first, "from=")
    assert [name in first.text for name in ("t-049", "t-050")] == [True, False]
    assert [name in second.text for name in ("t-049", "t-050")] == [False, True]


async def test_a_rules_page_shows_its_contributors_of_late(cloud, rule, count):
    await count(0, {"a": 12.0, SCRIPT: 1.5}, unique=7, total=20.0)
    await count(150, {"a": 3.0})
    await cloud.advance(3 * 3_600_000)
    seen = await cloud.browser.get(f"cloudwatch/insight-rules/{rule}")
    assert "Together 23.0 Different contributors, about 7" in seen.text
    assert "1 a 15.0 12.0 2026-01-01 00:00:00 2 <script>" in seen.text
    assert SCRIPT not in seen.html
    assert "Most in 5 minutes" in seen.text


async def test_a_rules_page_has_three_spans(cloud, rule, count):
    await count(0, {"early": 1.0})
    await count(2 * 60, {"later": 1.0})
    await count(4 * 60, {"late": 1.0})
    await cloud.advance(4 * 3_600_000 + 60_000)
    pages = {
        last: await cloud.browser.get(f"cloudwatch/insight-rules/{rule}", last=last) for last in ("1h", "3h", "24h")
    }
    names = ("early", "later", "late 1.0")
    assert [[name in pages[last].text for name in names] for last in pages] == [
        [False, False, True],
        [False, True, True],
        [True, True, True],
    ]


async def test_contributors_may_be_ranked_by_their_largest_minute(cloud, rule, count):
    for minute in range(3):
        await count(minute, {"steady": 4.0})
    await count(3, {"sudden": 9.0})
    await cloud.advance(240_000)
    page = await cloud.browser.get(f"cloudwatch/insight-rules/{rule}", last="1h")
    assert page.text.index("steady") < page.text.index("sudden")
    turned = await cloud.browser.follow(page, "last=1h&order=Maximum")
    assert turned.text.index("sudden") < turned.text.index("steady")


async def test_a_rules_page_without_contributions_says_so(cloud, rule):
    seen = (await cloud.browser.get(f"cloudwatch/insight-rules/{rule}")).text
    assert "Nothing was counted in this time." in seen


async def test_a_rule_that_is_not_there_is_told(cloud):
    seen = await cloud.browser.get("cloudwatch/insight-rules/none")
    assert (seen.status, "The insight rule none does not exist." in seen.text) == (404, True)


async def test_a_visitor_sees_no_more_than_policies_let_him(cloud, rule):
    await cloud.visit_as("ann", "cloudwatch:DescribeInsightRules")
    assert (await cloud.browser.get("cloudwatch/insight-rules")).status == 200
    seen = await cloud.browser.get(f"cloudwatch/insight-rules/{rule}")
    assert (seen.status, "cloudwatch:GetInsightRuleReport" in seen.text) == (403, True)
