"""Standard queues whose messages name tenants by MessageGroupId."""


async def test_a_standard_queue_takes_a_group_and_shows_it(jobs):
    sent = await jobs.send("a", MessageGroupId="tenant")
    [message] = await jobs.receive()
    assert message["Attributes"]["MessageGroupId"] == "tenant"
    assert "SequenceNumber" not in message["Attributes"]
    assert "SequenceNumber" not in sent


async def test_messages_of_a_tenant_are_in_flight_side_by_side(jobs):
    for body in "ab":
        await jobs.send(body, MessageGroupId="tenant")
    assert await jobs.bodies(1) == ["a"]
    assert await jobs.bodies(1) == ["b"]


async def test_quiet_tenants_and_messages_without_one_come_by_age(cloud, jobs):
    for body, tenant in [("a1", "a"), ("none", None), ("b1", "b"), ("a2", "a")]:
        await jobs.send(body, **({"MessageGroupId": tenant} if tenant else {}))
        cloud.clock.advance(ms=1)
    assert await jobs.bodies() == ["a1", "none", "b1", "a2"]


async def test_a_tenant_with_thirty_messages_in_flight_waits_for_the_quiet_ones(cloud, jobs):
    for number in range(40):
        await jobs.send(f"loud {number}", MessageGroupId="loud")
    cloud.clock.advance(ms=1)
    for _ in range(3):
        await jobs.bodies(10)
    for body in ("quiet 1", "quiet 2"):
        await jobs.send(body, MessageGroupId="quiet")
    assert await jobs.bodies(3) == ["quiet 1", "quiet 2", "loud 30"]


async def test_a_tenant_with_twenty_nine_messages_in_flight_does_not_wait(cloud, jobs):
    for number in range(40):
        await jobs.send(f"loud {number}", MessageGroupId="loud")
    cloud.clock.advance(ms=1)
    for count in (10, 10, 9):
        await jobs.bodies(count)
    await jobs.send("quiet", MessageGroupId="quiet")
    assert await jobs.bodies(1) == ["loud 29"]


async def test_of_noisy_tenants_the_one_with_less_in_flight_comes_first(cloud, jobs):
    for tenant, count in (("louder", 52), ("loud", 42)):
        for _ in range(count):
            await jobs.send(tenant, MessageGroupId=tenant)
        for _ in range(count // 10):
            assert set(await jobs.bodies(10)) == {tenant}
    assert await jobs.bodies(10) == ["loud", "loud", "louder", "louder"]


async def test_a_noisy_tenant_is_quiet_again_when_its_messages_are_done(cloud, jobs):
    in_flight = []
    for number in range(40):
        await jobs.send(f"loud {number}", MessageGroupId="loud")
    for _ in range(3):
        in_flight += await jobs.receive(10)
    cloud.clock.advance(ms=1)
    await jobs.send("quiet", MessageGroupId="quiet")
    await jobs.delete(in_flight[0])
    assert await jobs.bodies(1) == ["loud 30"]


async def test_a_noisy_tenant_is_quiet_again_when_its_messages_come_back(cloud, jobs):
    for number in range(30):
        await jobs.send(f"loud {number}", MessageGroupId="loud")
    for _ in range(3):
        await jobs.bodies(10)
    cloud.clock.advance(ms=30_000)
    assert await jobs.counts() == (30, 0, 0)
    cloud.clock.advance(ms=1)
    await jobs.send("quiet", MessageGroupId="quiet")
    assert await jobs.bodies(1) == ["loud 0"]


async def test_a_timeout_of_zero_gives_no_message_of_a_tenant_twice(jobs):
    for body in "ab":
        await jobs.send(body, MessageGroupId="tenant")
    assert len(set(await jobs.bodies(VisibilityTimeout=0))) == len(await jobs.bodies(VisibilityTimeout=0))
    assert await jobs.counts() == (2, 0, 0)


async def test_delayed_and_returned_messages_of_a_tenant_come_in_their_time(cloud, jobs):
    await jobs.send("returns", MessageGroupId="tenant")
    await jobs.send("delayed", MessageGroupId="tenant", DelaySeconds=10)
    assert await jobs.bodies(VisibilityTimeout=5) == ["returns"]
    assert await jobs.bodies() == []
    cloud.clock.advance(ms=5_000)
    assert await jobs.bodies() == ["returns"]
    cloud.clock.advance(ms=5_000)
    assert await jobs.bodies() == ["delayed"]


async def test_deleted_messages_leave_no_tenant_behind(cloud, jobs):
    from pileus.services.sqs.state.tables import GROUPS

    for body in "ab":
        await jobs.send(body, MessageGroupId=body)
    for message in await jobs.receive():
        await jobs.delete(message)
    assert cloud.store.look(lambda tx: list(GROUPS.scan(tx)))[0] == []
    assert await jobs.bodies() == []
