"""What becomes of a table's capacity as minutes pass."""

import pytest

from pileus.services.application_autoscaling.state import scaling
from pileus.services.application_autoscaling.state.tables import ACTIVITIES

from .conftest import INDEX, INDEX_READS, MINUTE_MS, READS, TABLE, WRITES

DAY_MS = 86_400_000
EVERY = 15


# The range, at the registration


async def test_a_capacity_below_the_minimum_is_raised(cloud, scaled):
    await scaled.register(10, 20)
    assert await scaled.capacity() == (10, 5)
    (activity,) = await scaled.activities()
    assert activity["Description"] == "Setting read capacity units to 10."
    assert activity["Cause"] == "minimum capacity was set to 10"
    assert activity["StatusCode"] == "Successful"
    assert activity["StatusMessage"] == (
        "Successfully set read capacity units to 10. Change successfully fulfilled by dynamodb."
    )
    assert activity["EndTime"] > activity["StartTime"]


async def test_a_capacity_above_the_maximum_is_lowered(scaled):
    await scaled.register(1, 2, dimension=WRITES)
    assert await scaled.capacity() == (5, 2)
    (activity,) = await scaled.activities()
    assert (activity["Description"], activity["Cause"]) == (
        "Setting write capacity units to 2.",
        "maximum capacity was set to 2",
    )


@pytest.mark.parametrize(("least", "most"), [(5, 20), (1, 5)])
async def test_a_capacity_on_the_edge_of_the_range_stays(scaled, least, most):
    await scaled.register(least, most)
    assert await scaled.activities() == []


async def test_an_update_brings_it_into_the_range_and_a_manual_change_stays(scaled):
    await scaled.register(1, 20)
    await scaled.register(8, None)
    assert await scaled.capacity() == (8, 5)
    await scaled.set(3, 5)
    assert await scaled.capacity() == (3, 5)
    await scaled.register(None, None)
    assert await scaled.capacity() == (8, 5)


async def test_an_index_is_brought_into_its_range(scaled):
    await scaled.register(9, 20, INDEX, INDEX_READS)
    assert await scaled.capacity("by-year") == (9, 7)
    assert await scaled.capacity() == (5, 5)


async def test_reads_and_writes_at_once_wait_for_each_other(cloud, scaled):
    for dimension in (READS, WRITES):
        await cloud.application_autoscaling.RegisterScalableTarget(
            **scaled.where(dimension=dimension), MinCapacity=10, MaxCapacity=20
        )
    assert await scaled.capacity() == (10, 10)
    assert {activity["StatusCode"] for activity in await scaled.activities()} == {"Successful"}


async def test_while_it_is_carried_out_it_is_in_progress(cloud, scaled):
    await cloud.application_autoscaling.RegisterScalableTarget(**scaled.where(), MinCapacity=9, MaxCapacity=20)
    await cloud.settle()
    answer = await cloud.application_autoscaling.DescribeScalingActivities(ServiceNamespace="dynamodb")
    (activity,) = answer["ScalingActivities"]
    assert activity["StatusCode"] == "InProgress"
    assert activity["StatusMessage"] == (
        "Successfully set read capacity units to 9. Waiting for change to be fulfilled by dynamodb."
    )
    assert "EndTime" not in activity


# By a policy


async def test_two_busy_minutes_scale_out(scaled):
    await scaled.register()
    await scaled.track(name="follow")
    await scaled.use(7)
    assert await scaled.capacity() == (5, 5)
    await scaled.use(7)
    assert await scaled.capacity() == (10, 5)
    (activity,) = await scaled.activities()
    assert activity["Cause"].startswith("monitor alarm TargetTracking-table/music-AlarmHigh-")
    assert activity["Cause"].endswith(" in state ALARM triggered policy follow")


async def test_an_index_is_scaled_by_itself(scaled):
    await scaled.register(resource=INDEX, dimension=INDEX_READS)
    await scaled.track(resource=INDEX, dimension=INDEX_READS)
    await scaled.use(14, 2, INDEX, INDEX_READS)
    assert await scaled.capacity("by-year") == (20, 7)
    assert await scaled.capacity() == (5, 5)


async def test_without_a_policy_nothing_is_scaled(scaled):
    await scaled.register()
    await scaled.use(7, 3)
    assert await scaled.activities() == []


async def test_what_was_measured_before_the_policy_counts(scaled):
    await scaled.register()
    await scaled.use(7)
    await scaled.track()
    await scaled.use(7)
    assert await scaled.capacity() == (10, 5)


async def test_a_minute_told_twice_is_one_minute(cloud, scaled):
    await scaled.register()
    await scaled.track()
    minute_ms = cloud.clock.now_ms() // MINUTE_MS * MINUTE_MS
    for _ in range(2):
        await scaled.tell(minute_ms, 7 * 60)
    assert await scaled.activities() == []
    for _ in range(2):
        await scaled.tell(minute_ms + MINUTE_MS, 7 * 60)
        await scaled.settle()
    assert len(await scaled.activities()) == 1


async def test_fifteen_quiet_minutes_scale_in(scaled):
    await scaled.register()
    await scaled.track()
    await scaled.use(1.4, EVERY - 1)
    assert await scaled.capacity() == (5, 5)
    await scaled.use(1.4)
    assert await scaled.capacity() == (2, 5)
    (activity,) = await scaled.activities()
    assert activity["Cause"].startswith("monitor alarm TargetTracking-table/music-AlarmLow-")


async def test_a_table_that_nobody_uses_is_scaled_in(cloud, scaled):
    await scaled.register(2)
    await scaled.track()
    await cloud.advance(14 * MINUTE_MS)
    assert await scaled.capacity() == (5, 5)
    await cloud.advance(2 * MINUTE_MS)
    assert await scaled.capacity() == (2, 5)


async def test_a_table_that_is_used_no_more_is_scaled_in(cloud, scaled):
    await scaled.register()
    await scaled.track()
    await scaled.use(3)
    await cloud.advance(14 * MINUTE_MS)
    assert await scaled.capacity() == (5, 5)
    await cloud.advance(3 * MINUTE_MS)
    assert await scaled.capacity() == (1, 5)


async def test_an_idle_table_that_is_raised_by_hand_is_scaled_in_soon(cloud, scaled):
    await scaled.register(5)
    await scaled.track()
    await cloud.advance(60 * MINUTE_MS)
    assert await scaled.activities() == []
    await scaled.set(15, 5)
    changed = {"account": cloud.account, "region": cloud.region, "resource": TABLE}
    await cloud.store.write(lambda tx: tx.emit("application-autoscaling.changed", changed) and None)
    assert await scaled.capacity() == (15, 5)
    await cloud.advance(2 * MINUTE_MS)
    assert await scaled.capacity() == (5, 5)


async def test_a_policy_may_not_scale_in(cloud, scaled):
    await scaled.register()
    await scaled.track(DisableScaleIn=True)
    await scaled.use(0, 20)
    assert await scaled.activities() == []


async def test_a_suspended_scaling_out_waits_for_its_resumption(scaled):
    await scaled.register(SuspendedState={"DynamicScalingOutSuspended": True})
    await scaled.track()
    await scaled.use(7, 3)
    assert await scaled.activities() == []
    await scaled.register(None, None, SuspendedState={"DynamicScalingOutSuspended": False})
    await scaled.use(7)
    assert await scaled.capacity() == (10, 5)


async def test_a_suspended_scaling_in_waits_for_its_resumption(cloud, scaled):
    await scaled.register(SuspendedState={"DynamicScalingInSuspended": True})
    await scaled.track()
    await scaled.use(0, 20)
    assert await scaled.activities() == []
    await scaled.register(None, None, SuspendedState={"DynamicScalingInSuspended": False})
    await cloud.advance(MINUTE_MS)
    assert await scaled.capacity() == (1, 5)


async def test_a_cooldown_delays_the_next_scaling_in_of_an_idle_table(cloud, scaled):
    await scaled.register()
    await scaled.track(ScaleInCooldown=3_600)
    await scaled.use(1.4, EVERY)
    assert await scaled.capacity() == (2, 5)
    await cloud.advance(50 * MINUTE_MS)
    assert await scaled.capacity() == (2, 5)
    await cloud.advance(12 * MINUTE_MS)
    assert await scaled.capacity() == (1, 5)


# What goes wrong


async def test_a_refusal_of_dynamodb_is_a_failed_activity_and_tried_again(scaled):
    await scaled.register(1, 100_000)
    await scaled.track()
    await scaled.use(30_000, 2)
    assert await scaled.capacity() == (5, 5)
    await scaled.use(30_000)
    last, first = await scaled.activities()
    assert (first["StatusCode"], last["StatusCode"]) == ("Failed", "Failed")
    assert first["StatusMessage"].startswith("Failed to set read capacity units to 42858. Reason: ")
    assert "(Service: AmazonDynamoDBv2; Status Code: 400; Error Code: " in first["StatusMessage"]
    assert last["StartTime"] > first["StartTime"]
    await scaled.use(7)
    assert await scaled.capacity() == (10, 5)


async def test_the_quota_of_decreases_is_told_and_waited_for(cloud, scaled):
    for reads in (4, 3, 2, 1):
        await scaled.set(reads, 5)
    await scaled.set(9, 5)
    await scaled.register()
    await scaled.track()
    await cloud.advance(17 * MINUTE_MS)
    (failed,) = await scaled.activities()
    assert (failed["StatusCode"], "LimitExceededException" in failed["StatusMessage"]) == ("Failed", True)
    await cloud.advance(90 * MINUTE_MS)
    assert (await scaled.activities())[0]["StatusCode"] == "Successful"
    assert await scaled.capacity() == (1, 5)


async def test_a_target_outlives_its_table_and_scaling_fails(cloud, scaled):
    await scaled.register()
    await scaled.track()
    await scaled.use(7)
    minute_ms = cloud.clock.now_ms()
    await cloud.dynamodb.DeleteTable(TableName="music")
    await cloud.settle()
    await scaled.tell(minute_ms, 7 * 60)
    (activity,) = await scaled.activities()
    assert activity["StatusCode"] == "Failed"
    assert activity["StatusMessage"].startswith(
        "Failed to set read capacity units to 10. Reason: Requested resource not found: Table: music not found"
    )
    answer = await cloud.application_autoscaling.DescribeScalableTargets(ServiceNamespace="dynamodb")
    assert len(answer["ScalableTargets"]) == 1


async def test_a_table_of_the_same_name_is_scaled_by_the_target_that_was_left(cloud, scaled):
    await scaled.register(3)
    await scaled.track()
    await cloud.dynamodb.DeleteTable(TableName="music")
    await cloud.settle()
    await scaled.create(ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
    assert await scaled.capacity() == (1, 1)
    await scaled.use(7, 2)
    assert await scaled.capacity() == (10, 1)


async def test_a_table_that_is_gone_is_looked_at_once(cloud, scaled):
    await scaled.register()
    await scaled.track()
    await scaled.use(2)
    await cloud.dynamodb.DeleteTable(TableName="music")
    await cloud.advance(DAY_MS)
    (activity,) = await scaled.activities()
    assert activity["StatusCode"] == "Failed"


async def test_an_index_that_is_gone_is_a_failed_activity(cloud, scaled):
    await scaled.register(resource=INDEX, dimension=INDEX_READS)
    await scaled.track(resource=INDEX, dimension=INDEX_READS)
    await scaled.use(14, 1, INDEX, INDEX_READS)
    await cloud.dynamodb.UpdateTable(
        TableName="music", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-year"}}]
    )
    await scaled.settle()
    await scaled.use(14, 1, INDEX, INDEX_READS)
    (activity,) = await scaled.activities()
    assert "The table does not have the specified index: by-year" in activity["StatusMessage"]


async def test_without_its_role_scaling_fails_until_it_is_there_again(cloud, scaled):
    await scaled.register()
    await scaled.track()
    role = "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
    await scaled.use(7)
    await cloud.iam.DeleteServiceLinkedRole(RoleName=role)
    await scaled.use(7)
    (activity,) = await scaled.activities()
    assert (activity["StatusCode"], "sts:AssumeRole" in activity["StatusMessage"]) == ("Failed", True)
    await cloud.iam.CreateServiceLinkedRole(AWSServiceName="dynamodb.application-autoscaling.amazonaws.com")
    await scaled.use(7)
    assert await scaled.capacity() == (10, 5)


async def test_a_table_that_others_change_is_waited_for(cloud, scaled):
    await scaled.register()
    await cloud.dynamodb.UpdateTable(TableName="music", DeletionProtectionEnabled=True)
    await cloud.application_autoscaling.RegisterScalableTarget(**scaled.where(), MinCapacity=9)
    assert await scaled.capacity() == (9, 5)
    assert [activity["StatusCode"] for activity in await scaled.activities()] == ["Successful"]


@pytest.mark.parametrize("step", ["accepted", "end"])
async def test_a_scaling_that_is_cut_off_is_seen_through(cloud, scaled, monkeypatch, step):
    """As by a kill: DynamoDB has done it, and nobody has written so."""
    written, cuts = getattr(scaling, step), []

    def cut_off(tx, *args, **kwargs):
        if not cuts:
            cuts.append(step)
            raise RuntimeError("cut off")
        return written(tx, *args, **kwargs)

    monkeypatch.setattr(scaling, step, cut_off)
    await scaled.register(9)
    assert (cuts, await scaled.capacity()) == ([step], (9, 5))
    (activity,) = await scaled.activities()
    assert (activity["StatusCode"], activity["Description"]) == ("Successful", "Setting read capacity units to 9.")


async def test_what_somebody_else_sets_meanwhile_overrides_it(cloud, scaled):
    await cloud.application_autoscaling.RegisterScalableTarget(**scaled.where(), MinCapacity=9, MaxCapacity=20)
    await cloud.settle()
    await scaled.set(12, 5)
    assert [activity["StatusCode"] for activity in await scaled.activities()] == ["Overridden"]
    assert await scaled.capacity() == (12, 5)


async def test_on_demand_nothing_is_scaled_by_a_policy(cloud, scaled):
    await scaled.register()
    await scaled.track()
    await cloud.dynamodb.UpdateTable(TableName="music", BillingMode="PAY_PER_REQUEST")
    await scaled.use(0, 20)
    await scaled.use(7, 2)
    assert await scaled.activities() == []


# Giving up


async def test_a_target_that_is_given_up_is_scaled_no_more(cloud, scaled):
    await scaled.register()
    await scaled.track()
    await scaled.use(7)
    await cloud.application_autoscaling.DeregisterScalableTarget(**scaled.where())
    await scaled.use(7)
    await scaled.use(0, 20)
    assert (await scaled.activities(), await scaled.capacity()) == ([], (5, 5))


async def test_a_policy_that_is_deleted_scales_no_more(cloud, scaled):
    await scaled.register()
    await scaled.track()
    await cloud.application_autoscaling.DeleteScalingPolicy(**scaled.where(), PolicyName="p")
    await scaled.use(7, 2)
    await scaled.use(0, 20)
    assert await scaled.activities() == []


async def test_minutes_of_what_is_no_target_are_nothing(cloud, scaled):
    await scaled.tell(cloud.clock.now_ms(), 1.0, "table/other")
    assert await scaled.activities() == []


@pytest.mark.parametrize(("days", "is_kept"), [(41.9, True), (42.1, False)])
async def test_activities_are_kept_for_six_weeks(cloud, scaled, days, is_kept):
    await scaled.register(8)
    await cloud.advance(int(days * DAY_MS))
    assert bool(await scaled.activities(ResourceId=TABLE)) is is_kept
    rows, _ = cloud.store.look(lambda tx: list(ACTIVITIES.scan(tx)))
    assert bool(rows) is is_kept
