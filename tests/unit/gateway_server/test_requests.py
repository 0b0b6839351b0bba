"""What the handler is shown of what came over the wire, and what never reaches it."""

import asyncio

import pytest

from pileus.kernel.http import BodyCutShort, BodyTooLarge, HttpResponse


async def echo(request) -> HttpResponse:
    return HttpResponse(200, [], await request.body.read(1 << 20))


async def show_target(request) -> HttpResponse:
    return HttpResponse(200, [], f"{request.method} {request.path} {request.query} {request.host}".encode())


async def test_the_path_and_query_come_as_they_were_sent(serving):
    async with serving(show_target) as (_, connect):
        client = await connect()
        client.send(b"GET /b/a%2Fb/../c//d%20e?x=%2f&y HTTP/1.1\r\nHost: b.example.com\r\n\r\n")
        assert (await client.response())[2] == b"GET /b/a%2Fb/../c//d%20e x=%2f&y b.example.com"


async def test_a_path_may_begin_with_two_slashes(serving):
    async with serving(show_target) as (_, connect):
        client = await connect()
        client.send(b"GET //key HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.response())[2] == b"GET //key  x"


async def test_a_url_sent_as_to_a_proxy_is_its_path_and_host(serving):
    async with serving(show_target) as (_, connect):
        client = await connect()
        client.send(b"GET http://b.example.com/k?q HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.response())[2] == b"GET /k q b.example.com"


async def test_header_names_are_lower_case_and_repeated_ones_joined(serving):
    async def show(request):
        return HttpResponse(200, [], f"{request.headers['x-a']}|{request.headers['x-b']}".encode("latin-1"))

    async with serving(show) as (_, connect):
        client = await connect()
        client.send(b"GET / HTTP/1.1\r\nX-A: 1\r\nx-B:  \xc3\xa9 \r\nx-a: 2\r\n\r\n")
        assert (await client.response())[2] == b"1,2|\xc3\xa9"
        # The last byte of "à" is a space in Latin-1.
        client.send(b"GET / HTTP/1.1\r\nX-A: 1\r\nx-B: \xc3\xa0\t\r\n\r\n")
        assert (await client.response())[2] == b"1|\xc3\xa0"


async def test_one_connection_serves_many_requests(serving):
    async with serving(echo) as (_, connect):
        client = await connect()
        for body in (b"one", b"", b"three"):
            client.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            assert (await client.response())[2] == body


async def test_pipelined_requests_are_answered_in_order_and_one_at_a_time(serving):
    running = 0

    async def slow_first(request):
        nonlocal running
        running += 1
        assert running == 1
        body = await request.body.read(100)
        await asyncio.sleep(0)  # gives a second handler the chance to start too early
        running -= 1
        return HttpResponse(200, [], body)

    async with serving(slow_first) as (_, connect):
        client = await connect()
        client.send(b"".join(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n%d" % n for n in range(5)))
        assert [(await client.response())[2] for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_chunked_body_arrives_whole_and_its_trailers_stay_out_of_the_headers(serving):
    async def show(request):
        body = await request.body.read(100)
        return HttpResponse(200, [("x-seen", ",".join(request.headers))], body)

    async with serving(show) as (_, connect):
        client = await connect()
        client.send(
            b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5;x=y\r\npedia\r\n0\r\nx-evil: 1\r\n\r\n"
        )
        status, headers, body = await client.response()
        assert (status, headers["x-seen"], body) == (200, "transfer-encoding", b"wikipedia")


async def test_a_body_can_be_read_up_to_its_limit_and_not_beyond(serving):
    async def up_to_ten(request):
        return HttpResponse(200, [], await request.body.read(10))

    async with serving(up_to_ten) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789")
        assert (await client.response())[0] == 200
        client.send(b"PUT / HTTP/1.1\r\nContent-Length: 11\r\n\r\n0123456789a")
        assert (await client.response())[0] == 413
        client.send(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n")
        assert (await client.response())[0] == 413


async def test_a_large_body_streams_without_being_held(serving):
    most = 0

    async def count(request):
        nonlocal most
        total = 0
        async for chunk in request.body:
            total += len(chunk)
            most = max(most, len(chunk))
        return HttpResponse(200, [], str(total).encode())

    async with serving(count, body_held_bytes=100_000) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nContent-Length: 8000000\r\n\r\n" + bytes(8_000_000))
        assert (await client.response())[2] == b"8000000"
        assert most <= 100_000 + 262_144  # the limit, and the read under way when it was passed


async def test_a_handler_that_does_not_read_makes_the_sender_wait(serving):
    go_on, seen = asyncio.Event(), []

    async def wait_first(request):
        await go_on.wait()
        seen.append(request.body.received_bytes)
        return HttpResponse(200, [], str(sum([len(c) async for c in request.body])).encode())

    async with serving(wait_first, body_held_bytes=100_000) as (_, connect):
        client = await connect()
        size = 64_000_000
        client.send(b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        drained = asyncio.ensure_future(client.writer.drain())
        done, _ = await asyncio.wait([drained], timeout=0.2)
        assert not done
        go_on.set()
        assert (await client.response())[2] == b"%d" % size
        await drained
        assert seen[0] <= 100_000 + 262_144


async def test_100_continue_is_sent_when_the_handler_first_reads(serving):
    may_read, arrived = asyncio.Event(), asyncio.Event()

    async def read_late(request):
        arrived.set()
        await may_read.wait()
        return HttpResponse(200, [], await request.body.read(10))

    async with serving(read_late) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        await arrived.wait()
        answer = asyncio.ensure_future(client.response())
        done, _ = await asyncio.wait([answer], timeout=0.05)
        assert not done
        may_read.set()
        assert (await answer)[0] == 100
        client.send(b"ok")
        status, headers, body = await client.response()
        assert (status, body) == (200, b"ok")
        assert "connection" not in headers


async def test_no_100_continue_for_who_is_refused_unread_and_the_connection_ends(serving):
    async def refuse(request):
        return HttpResponse(403)

    async with serving(refuse, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        status, headers, _ = await client.response()
        assert (status, headers["connection"]) == (403, "close")
        assert await client.is_closed()


async def test_a_short_unread_body_is_swallowed_and_the_connection_kept(serving):
    async def refuse(request):
        return HttpResponse(403)

    async with serving(refuse, drain_bytes=1000) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        assert (await client.response())[0] == 403
        client.send(bytes(1000) + b"GET / HTTP/1.1\r\n\r\n")
        assert (await client.response())[0] == 403


async def test_a_long_unread_body_ends_the_connection_and_the_answer_is_still_read(serving):
    async def refuse(request):
        return HttpResponse(403, [], b"no")

    async with serving(refuse, drain_bytes=1000) as (_, connect):
        client = await connect()
        # All of it is written before the answer is looked at, as botocore does.
        client.send(b"PUT / HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n" + bytes(5_000_000))
        await client.writer.drain()
        status, headers, body = await client.response()
        assert (status, headers["connection"], body) == (403, "close", b"no")
        client.writer.write_eof()
        assert await client.is_closed()


async def test_a_sender_that_leaves_cuts_its_body_short(serving):
    outcome = asyncio.get_running_loop().create_future()

    async def read(request):
        try:
            await request.body.read(100)
        except BodyCutShort as error:
            outcome.set_result(error)
            raise

    async with serving(read) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\n012345678")
        await client.writer.drain()
        client.writer.write_eof()
        assert isinstance(await asyncio.wait_for(outcome, 30), BodyCutShort)
        # It has only finished sending, so it is told.
        status, _, body = await client.response()
        assert (status, b"IncompleteBody" in body) == (400, True)


async def test_broken_chunk_framing_cuts_the_body_short(serving):
    async with serving(echo, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
        status, headers, _ = await client.response()
        assert (status, headers["connection"]) == (400, "close")
        assert await client.is_closed()


async def test_a_waiting_handler_sees_that_its_client_has_gone(serving):
    arrived, seen = asyncio.Event(), asyncio.Event()

    async def poll(request):
        await request.body.read(10)
        arrived.set()
        await request.body.disconnected.wait()
        seen.set()
        return HttpResponse()

    async with serving(poll) as (_, connect):
        client = await connect()
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
        await arrived.wait()
        client.writer.close()
        await asyncio.wait_for(seen.wait(), 30)


async def test_malformed_http_is_answered_400_after_the_answers_before_it(serving):
    async with serving(echo, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiNONSENSE\r\n\r\n")
        assert (await client.response())[2] == b"hi"
        status, headers, _ = await client.response()
        assert (status, headers["connection"], headers["x-amzn-errortype"]) == (400, "close", "BadRequest")
        assert await client.is_closed()


async def test_two_framings_at_once_are_refused(serving):
    async with serving(echo, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert (await client.response())[0] == 400


async def test_a_head_may_be_as_long_as_the_limit_and_no_longer(serving):
    async with serving(show_target, head_bytes=1000, linger_s=0.05) as (_, connect):
        client = await connect()
        fixed = len("/") + len("a") + 4
        client.send(b"GET / HTTP/1.1\r\na: %b\r\n\r\n" % (b"x" * (1000 - fixed)))
        assert (await client.response())[0] == 200
        client.send(b"GET / HTTP/1.1\r\na: %b\r\n\r\n" % (b"x" * (1001 - fixed)))
        status, headers, _ = await client.response()
        assert (status, headers["connection"]) == (400, "close")
        assert await client.is_closed()


async def test_a_head_that_never_ends_is_refused_as_soon_as_it_is_too_long(serving):
    async with serving(show_target, head_bytes=1000, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(b"GET / HTTP/1.1\r\na: " + b"x" * 600_000)
        assert (await client.response())[0] == 400


async def test_a_head_that_begins_behind_a_long_body_is_not_taken_for_long(serving):
    async with serving(echo, head_bytes=1000) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + bytes(5000) + b"GET / HT")
        assert len((await client.response())[2]) == 5000
        client.send(b"TP/1.1\r\n\r\n")
        assert (await client.response())[0] == 200


@pytest.mark.parametrize("endless", [b"0\r\na: " + b"x" * 600_000, b"1;" + b"x" * 600_000])
async def test_chunk_framing_that_never_ends_cuts_the_body_short(serving, endless):
    async with serving(echo, head_bytes=1000, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" + endless)
        assert (await client.response())[0] == 400


async def test_a_slow_head_is_answered_408(serving):
    async with serving(echo, head_s=0.05, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(b"GET / HT")
        status, headers, _ = await client.response()
        assert (status, headers["x-amzn-errortype"]) == (408, "RequestTimeout")
        assert await client.is_closed()


async def test_a_slow_body_is_answered_408(serving):
    async with serving(echo, body_s=0.05, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0")
        status, headers, _ = await client.response()
        assert (status, headers["x-amzn-errortype"]) == (408, "RequestTimeout")
        assert await client.is_closed()


async def test_an_idle_connection_is_closed_without_a_word(serving):
    async with serving(echo, keep_alive_s=0.05) as (_, connect):
        client = await connect()
        assert await client.is_closed()


async def test_one_connection_too_many_is_told_so(serving):
    async with serving(show_target, connections=1, linger_s=0.05) as (_, connect):
        first = await connect()
        first.send(b"GET / HTTP/1.1\r\n\r\n")
        assert (await first.response())[0] == 200
        second = await connect()
        second.send(b"GET / HTTP/1.1\r\n\r\n")
        assert (await second.response())[0] == 503
        assert await second.is_closed()
        first.send(b"GET / HTTP/1.1\r\n\r\n")
        assert (await first.response())[0] == 200


async def test_an_upgrade_we_do_not_know_is_ignored(serving):
    async with serving(echo) as (_, connect):
        client = await connect()
        # As Java's HTTP client begins.
        upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
        client.send(b"POST / HTTP/1.1\r\n" + upgrade + b"Content-Length: 2\r\n\r\nhi")
        assert (await client.response())[2] == b"hi"
        client.send(b"GET / HTTP/1.1\r\n" + upgrade + b"\r\nPOST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nho")
        assert (await client.response())[2] == b""
        assert (await client.response())[2] == b"ho"


WEBSOCKET = b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"


async def test_a_websocket_is_refused_by_name_where_nobody_takes_it(serving):
    async with serving(echo) as (_, connect):
        client = await connect()
        client.send(WEBSOCKET)
        status, _, body = await client.response()
        assert (status, b"WebSockets" in body) == (501, True)


async def test_a_websocket_is_handed_over_with_the_bytes_behind_its_request(serving):
    class Takes(asyncio.Protocol):
        pass

    def take(request, transport, first_bytes):
        transport.set_protocol(Takes())
        transport.write(request.path.encode() + b" " + first_bytes)
        transport.close()

    async with serving(echo, on_websocket=take) as (_, connect):
        client = await connect()
        client.send(WEBSOCKET + b"frame")
        assert await client.reader.read() == b"/ws frame"


async def test_a_body_too_large_is_said_before_100_continue(serving):
    async def read_little(request):
        try:
            return HttpResponse(200, [], await request.body.read(1))
        except BodyTooLarge:
            return HttpResponse(400, [], b"EntityTooLarge")

    async with serving(read_little, linger_s=0.05) as (_, connect):
        client = await connect()
        client.send(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert (await client.response())[2] == b"EntityTooLarge"
