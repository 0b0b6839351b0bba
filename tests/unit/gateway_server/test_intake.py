"""Large bodies that the handler has put into its own memory."""

import asyncio
import hashlib
import os

import pytest

from pileus.kernel.http import BodyCutShort, HttpResponse

ROOM = 300_000


async def read_all(body, room_bytes: int = ROOM) -> bytes:
    room = memoryview(bytearray(room_bytes))
    pieces = []
    while count := await body.readinto(room):
        pieces.append(bytes(room[:count]))
    assert body.is_at_end
    return b"".join(pieces)


async def digest(request) -> HttpResponse:
    data = await read_all(request.body)
    return HttpResponse(200, [], f"{len(data)} {hashlib.md5(data).hexdigest()}".encode())


def answer_to(data: bytes) -> bytes:
    return f"{len(data)} {hashlib.md5(data).hexdigest()}".encode()


def put(data: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"PUT / HTTP/1.1", b"Content-Length: %d" % len(data), *headers, b"", data])


@pytest.mark.parametrize("size", [0, 1, ROOM, 2 * ROOM, 1 << 20, 5_000_000])
async def test_it_comes_whole_and_the_next_request_is_found_behind_it(serving, size):
    async with serving(digest) as (_, connect):
        client = await connect()
        first, second = os.urandom(size), os.urandom(size + 7)
        client.send(put(first) + put(second) + b"GET / HTTP/1.1\r\n\r\n")
        assert (await client.response())[2] == answer_to(first)
        assert (await client.response())[2] == answer_to(second)
        assert (await client.response())[2] == answer_to(b"")
        client.send(put(second))
        assert (await client.response())[2] == answer_to(second)


async def test_a_chunked_one_comes_whole(serving):
    async with serving(digest) as (_, connect):
        client = await connect()
        data = os.urandom(1_000_000)
        client.send(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"%x\r\n%b\r\n" % (len(data), data) * 2 + b"0\r\n\r\n")
        assert (await client.response())[2] == answer_to(data * 2)


async def test_it_comes_whole_from_a_sender_that_waits_for_leave(serving):
    async with serving(digest) as (_, connect):
        client = await connect()
        data = os.urandom(1_000_000)
        client.send(put(data, b"Expect: 100-continue").removesuffix(data))
        assert (await client.response())[0] == 100
        client.send(data)
        assert (await client.response())[2] == answer_to(data)


async def test_a_reader_that_stops_makes_the_sender_wait(serving):
    go_on, seen = asyncio.Event(), []

    async def handle(request):
        seen.append(await request.body.readinto(memoryview(bytearray(ROOM))))
        seen.append(await request.body.readinto(memoryview(bytearray(ROOM))))
        await go_on.wait()
        assert request.body.received_bytes <= 2 * ROOM + (256 << 10)
        return HttpResponse(200, [], b"%d" % (sum(seen) + len(await read_all(request.body))))

    async with serving(handle) as (_, connect):
        client = await connect()
        client.send(put(bytes(32_000_000)))
        drained = asyncio.ensure_future(client.writer.drain())
        done, _ = await asyncio.wait([drained], timeout=0.1)
        assert not done
        go_on.set()
        assert (await client.response())[2] == b"32000000"
        await drained


@pytest.mark.parametrize("left", [200_000, 4_000_000])
async def test_a_reader_that_gives_up_keeps_the_connection_if_little_is_left(serving, left):
    async def handle(request):
        total = 0
        while total < request.body.length - left:
            room = memoryview(bytearray(min(ROOM, request.body.length - left - total)))
            total += await request.body.readinto(room)
        return HttpResponse(200, [], b"%d" % total)

    async with serving(handle) as (_, connect):
        client = await connect()
        client.send(put(bytes(1_000_000 + left)))
        _, headers, body = await client.response()
        assert body == b"1000000"
        if left > 256 * 1024:
            assert headers["connection"] == "close"
            client.writer.write_eof()
            assert await client.is_closed()
        else:
            client.send(put(bytes(left)))
            assert (await client.response())[2] == b"0"


async def test_a_reader_that_is_interrupted_loses_nothing(serving):
    async def handle(request):
        body, room = request.body, memoryview(bytearray(1_000_000))
        at = 0

        async def read() -> None:
            nonlocal at
            while True:
                at += await body.readinto(room[at:])

        reading = asyncio.ensure_future(read())
        async with asyncio.timeout(30):
            while body.received_bytes < 600_000:
                await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        arrived = bytes(room[: body.received_bytes])  # the last call has put some there too
        assert at < len(arrived) == 600_000
        interrupted.set()
        return HttpResponse(200, [], answer_to(arrived + await read_all(body)))

    interrupted = asyncio.Event()
    async with serving(handle) as (_, connect):
        client = await connect()
        data = os.urandom(4_000_000)
        client.send(put(data)[:-3_400_000])
        await asyncio.wait_for(interrupted.wait(), 30)
        client.send(data[-3_400_000:])
        assert (await client.response())[2] == answer_to(data)


async def test_a_sender_that_leaves_cuts_it_short(serving):
    outcome = asyncio.get_running_loop().create_future()

    async def handle(request):
        try:
            await read_all(request.body)
        except BodyCutShort as error:
            outcome.set_result(error)
            raise

    async with serving(handle) as (_, connect):
        client = await connect()
        client.send(put(bytes(2_000_000))[:-1])
        await client.writer.drain()
        client.writer.write_eof()
        assert isinstance(await asyncio.wait_for(outcome, 30), BodyCutShort)
        assert (await client.response())[0] == 400


async def test_a_sender_that_stalls_is_answered_408(serving):
    async with serving(digest, body_s=0.1, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(put(bytes(2_000_000))[:-1])
        status, headers, _ = await client.response()
        assert (status, headers["x-amzn-errortype"]) == (408, "RequestTimeout")
        assert await client.is_closed()


async def test_every_piece_gives_the_sender_more_time(serving):
    bodies = []

    async def handle(request):
        bodies.append(request.body)
        return HttpResponse(200, [], b"%d" % len(await read_all(request.body, 1_000_000)))

    async with serving(handle) as (_, connect):
        client = await connect()
        client.send(put(bytes(900_000)).removesuffix(bytes(600_000)))
        async with asyncio.timeout(30):
            times = []
            for sent in (300_000, 600_000):
                while not (bodies and bodies[0].received_bytes == sent and bodies[0].waiting_since_s):
                    await asyncio.sleep(0)
                times.append(bodies[0].waiting_since_s)
                while asyncio.get_running_loop().time() == times[-1]:  # uvloop's clock goes in milliseconds
                    await asyncio.sleep(0)
                client.send(bytes(300_000))
        assert times[0] < times[1]
        assert (await client.response())[2] == b"900000"
