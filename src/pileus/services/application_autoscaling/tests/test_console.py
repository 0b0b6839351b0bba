"""The pages show what the operations tell."""

PAGE = "application-autoscaling/targets"
OF_READS = f"{PAGE}/table%2Fmusic/dynamodb:table:ReadCapacityUnits"


async def test_without_a_target_the_list_says_so(cloud):
    assert "There is no scalable target in this region." in (await cloud.browser.get(PAGE)).text


async def test_targets_are_listed(cloud, scaled):
    await scaled.register(2, 20)
    listed = await cloud.browser.get(PAGE)
    assert "table/music dynamodb:table:ReadCapacityUnits 2 20" in listed.text
    assert any(link.endswith("targets/table%2Fmusic/dynamodb%3Atable%3AReadCapacityUnits") for link in listed.links)


async def test_a_target_is_shown_with_its_policy_and_activities(cloud, scaled):
    await scaled.register(8, 20, SuspendedState={"DynamicScalingInSuspended": True}, Tags={"team": "a"})
    await scaled.track(name="follow")
    seen = (await cloud.browser.get(OF_READS)).text
    for shown in (
        "DynamicScalingInSuspended",
        "follow DynamoDBReadCapacityUtilization 70",
        "DynamoDBReadCapacityUtilization",
        "Successful Setting read capacity units to 8. minimum capacity was set to 8",
        "team a",
    ):
        assert shown in seen


async def test_what_is_not_registered_is_not_there(cloud, scaled):
    seen = await cloud.browser.get(OF_READS)
    assert (seen.status, "is not registered" in seen.text) == (400, True)


async def test_a_target_is_deregistered_when_its_name_is_typed(cloud, scaled):
    await scaled.register()
    assert (await cloud.browser.post(OF_READS, "deregister", typed_name="music")).status == 400
    seen = await cloud.browser.post(OF_READS, "deregister", typed_name="table/music")
    assert "table/music is no scalable target any more." in seen.text
    answer = await cloud.application_autoscaling.DescribeScalableTargets(ServiceNamespace="dynamodb")
    assert answer["ScalableTargets"] == []


async def test_a_visitor_sees_what_the_visitor_may_see(cloud, scaled):
    await scaled.register()
    await cloud.visit_as("ann", "application-autoscaling:DescribeScalableTargets")
    assert (await cloud.browser.get(PAGE)).status == 200
    assert (await cloud.browser.get(OF_READS)).status == 403
