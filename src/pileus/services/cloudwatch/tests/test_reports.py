"""Reports: what is counted, how it is ranked and divided into periods, and what may be asked for."""

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.cloudwatch.tests.conftest import RULE, after, definition


def contributors(answer: dict) -> list[tuple]:
    return [(*each["Keys"], each["ApproximateAggregateValue"]) for each in answer["Contributors"]]


async def refused(call, code: str = "InvalidParameterValue") -> str:
    with pytest.raises(AwsError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


async def test_a_report_has_the_largest_contributors_first(rule, count, report):
    await count(0, {"a": 1.0, "b": 5.0})
    await count(1, {"a": 7.0, "c": 0.5})
    assert await report(0, 2) == {
        "KeyLabels": ["PartitionKey"],
        "AggregationStatistic": "Sum",
        "AggregateValue": 13.5,
        "ApproximateUniqueCount": 3,
        "Contributors": [
            {
                "Keys": ["a"],
                "ApproximateAggregateValue": 8.0,
                "Datapoints": [
                    {"Timestamp": after(0), "ApproximateValue": 1.0},
                    {"Timestamp": after(1), "ApproximateValue": 7.0},
                ],
            },
            {
                "Keys": ["b"],
                "ApproximateAggregateValue": 5.0,
                "Datapoints": [{"Timestamp": after(0), "ApproximateValue": 5.0}],
            },
            {
                "Keys": ["c"],
                "ApproximateAggregateValue": 0.5,
                "Datapoints": [{"Timestamp": after(1), "ApproximateValue": 0.5}],
            },
        ],
    }


async def test_contributors_of_two_keys_are_told_apart_by_both(dynamodb, count, report):
    name = RULE.replace("PKC", "SKT")
    text = definition("PartitionKey", "SortKey", value="ThrottleCount")
    await dynamodb.PutInsightRule(RuleName=name, RuleDefinition=text)
    await count(0, {("a", "1"): 1.0, ("a", "2"): 2.0}, rule=name)
    answer = await report(0, 1, rule=name)
    assert answer["KeyLabels"] == ["PartitionKey", "SortKey"]
    assert contributors(answer) == [("a", "2", 2.0), ("a", "1", 1.0)]


async def test_a_report_of_nothing_says_so(rule, report):
    assert await report(0, 1, Metrics=["Sum"]) == {
        "KeyLabels": ["PartitionKey"],
        "AggregationStatistic": "Sum",
        "AggregateValue": 0.0,
        "ApproximateUniqueCount": 0,
        "Contributors": [],
        "MetricDatapoints": [],
    }


async def test_a_range_includes_its_first_minute_and_not_its_last(rule, count, report):
    for minute in range(4):
        await count(minute, {str(minute): 1.0})
    assert [key for key, _ in contributors(await report(1, 3))] == ["1", "2"]
    # Within a minute: the start is rounded down, and a minute that began before the end counts whole.
    assert [key for key, _ in contributors(await report(1.5, 2.5))] == ["1", "2"]


async def test_periods_begin_with_the_range(rule, count, report):
    for minute in range(7):
        await count(minute, {"a": 1.0})
    (contributor,) = (await report(2, 7, period=180))["Contributors"]
    assert contributor["Datapoints"] == [
        {"Timestamp": after(2), "ApproximateValue": 3.0},
        {"Timestamp": after(5), "ApproximateValue": 2.0},
    ]


async def test_the_metrics_of_a_period(rule, count, report):
    await count(0, {"a": 1.0, "b": 5.0})
    await count(1, {"a": 7.0})
    await count(5, {"c": 2.0})
    every = ["UniqueContributors", "MaxContributorValue", "SampleCount", "Sum", "Minimum", "Maximum", "Average"]
    answer = await report(0, 10, period=300, Metrics=every)
    assert answer["MetricDatapoints"] == [
        {
            "Timestamp": after(0),
            "UniqueContributors": 2.0,
            "MaxContributorValue": 8.0,
            "SampleCount": 6.0,
            "Sum": 13.0,
            "Minimum": 1.0,
            "Maximum": 7.0,
            "Average": 13.0 / 6,
        },
        {
            "Timestamp": after(5),
            "UniqueContributors": 1.0,
            "MaxContributorValue": 2.0,
            "SampleCount": 2.0,
            "Sum": 2.0,
            "Minimum": 2.0,
            "Maximum": 2.0,
            "Average": 1.0,
        },
    ]


async def test_only_the_metrics_that_are_asked_for_are_answered(rule, count, report):
    await count(0, {"a": 1.0})
    assert "MetricDatapoints" not in await report(0, 1)
    answer = await report(0, 1, Metrics=["MaxContributorValue"])
    assert answer["MetricDatapoints"] == [{"Timestamp": after(0), "MaxContributorValue": 1.0}]


async def test_contributors_that_are_not_told_by_name_count_as_unique_and_in_sums(rule, count, report):
    await count(0, {"a": 3.0, "b": 2.0}, unique=10, total=20.0)
    await count(1, {"a": 3.0, "c": 2.0}, unique=6, total=9.0)
    answer = await report(0, 2, period=120, Metrics=["UniqueContributors", "Sum"])
    assert (answer["ApproximateUniqueCount"], answer["AggregateValue"]) == (11, 29.0)
    assert answer["MetricDatapoints"] == [{"Timestamp": after(0), "UniqueContributors": 11.0, "Sum": 29.0}]


async def test_contributors_may_be_ranked_by_their_largest_minute(rule, count, report):
    for minute in range(3):
        await count(minute, {"steady": 4.0})
    await count(3, {"sudden": 9.0})
    assert contributors(await report(0, 4)) == [("steady", 12.0), ("sudden", 9.0)]
    assert contributors(await report(0, 4, OrderBy="Maximum")) == [("sudden", 9.0), ("steady", 12.0)]


async def test_ten_contributors_are_told_where_no_number_is_asked(rule, count, report):
    await count(0, {f"{at:02}": 30.0 - at for at in range(30)})
    assert len((await report(0, 1))["Contributors"]) == 10
    assert contributors(await report(0, 1, MaxContributorCount=1)) == [("00", 30.0)]
    answer = await report(0, 1, MaxContributorCount=25)
    assert (len(answer["Contributors"]), answer["ApproximateUniqueCount"]) == (25, 30)


async def test_of_dynamodbs_rules_no_more_than_25_contributors_are_told(rule, report):
    message = await refused(report(0, 1, MaxContributorCount=26))
    assert message == "The value for parameter MaxContributorCount must be at most 25 for a rule of DynamoDB."


@pytest.mark.parametrize("most", [0, 101])
async def test_a_report_has_one_to_a_hundred_contributors(rule, report, most):
    assert "must be from 1 to 100" in await refused(report(0, 1, MaxContributorCount=most))


@pytest.mark.parametrize("period", [1, 59, 90, 86_460])
async def test_a_period_is_of_whole_minutes_and_a_day_at_most(rule, report, period):
    assert "Period must be a multiple of 60" in await refused(report(0, 60, period=period))
    await report(0, 60, period=86_400)


async def test_a_range_is_a_day_at_most(rule, report):
    await report(0, 1440)
    assert "at most 24 hours" in await refused(report(0, 1440.001))


@pytest.mark.parametrize("end", [5, 4])
async def test_a_range_begins_before_it_ends(rule, report, end):
    message = await refused(report(5, end))
    assert message == "The parameter StartTime must be less than the parameter EndTime."


async def test_metrics_and_orders_are_those_of_the_reference(rule, report):
    assert "Metrics must be among" in await refused(report(0, 1, Metrics=["Sum", "Median"]))
    assert "OrderBy must be Sum or Maximum" in await refused(report(0, 1, OrderBy="sum"))


async def test_a_rule_must_be_there(cloud, report):
    with pytest.raises(AwsError) as caught:
        await report(0, 1, rule="none")
    assert (caught.value.code, caught.value.status) == ("ResourceNotFoundException", 404)
    assert caught.value.fields == {"ResourceType": "insight-rule", "ResourceId": "none"}


async def test_a_day_of_many_contributors_tells_the_largest_of_each_minute(rule, count, report):
    """69 of each minute of a day are looked at; all that are kept, of 200 minutes."""
    await count(0, {f"{at:03}": 500.0 - at for at in range(500)})
    assert (await report(0, 200))["ApproximateUniqueCount"] == 500
    answer = await report(0, 1440, Metrics=["Minimum", "Maximum"])
    assert answer["ApproximateUniqueCount"] == 500
    assert answer["MetricDatapoints"] == [{"Timestamp": after(0), "Minimum": 432.0, "Maximum": 500.0}]


async def test_a_report_reads_more_than_one_stretch(cloud, rule, report):
    of_rule = {"account": cloud.account, "region": cloud.region, "rule": rule}
    counted = {"contributors": [[["a"], 1.0]], "unique": 1, "samples": 1, "sum": 1.0}

    def emit(tx) -> None:
        for minute in range(300):
            tx.emit("cloudwatch.contributed", {**of_rule, **counted, "minute_ms": cloud.at(minute * 60_000)})

    await cloud.store.write(emit)
    await cloud.settle()
    answer = await report(0, 300, period=3600)
    assert contributors(answer) == [("a", 300.0)]
    assert [point["ApproximateValue"] for point in answer["Contributors"][0]["Datapoints"]] == [60.0] * 5
