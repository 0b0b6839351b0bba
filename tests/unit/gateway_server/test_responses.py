"""What goes over the wire for what the handler returns; TLS; the end."""

import asyncio
import datetime
import ipaddress
import os
import ssl
from unittest.mock import ANY

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pileus.gateway.server import FILE_THREADS, Server
from pileus.kernel.clock import Clock
from pileus.kernel.http import FilePart, HttpResponse

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"


def always(response):
    """A handler that makes its response anew each time, as an iterator is used up by one."""

    async def handle(request):
        return response()

    return handle


async def pieces(*parts):
    for part in parts:
        yield part


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "part"
    path.write_bytes(os.urandom(5_000_000))
    return path


async def test_bytes_go_with_their_length_and_the_handlers_headers(serving):
    async with serving(always(lambda: HttpResponse(201, [("ETag", '"1"')], b"made"))) as (_, connect):
        client = await connect()
        client.send(GET)
        status, headers, body = await client.response()
        assert (status, body, headers["etag"], headers["content-length"]) == (201, b"made", '"1"', "4")
        assert set(headers) == {"etag", "content-length", "date"}


async def test_the_date_is_the_clocks():
    server = Server(None, "127.0.0.1", 0, clock=Clock(frozen_at_ms=784_111_777_000))
    assert server.date_header() == "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


async def test_an_iterator_goes_chunked_or_by_the_length_it_names(serving):
    bodies = [
        HttpResponse(200, [], pieces(b"a", b"", b"bc")),
        HttpResponse(200, [("Content-Length", "3")], pieces(b"abc")),
    ]
    async with serving(always(lambda: bodies.pop(0))) as (_, connect):
        client = await connect()
        client.send(GET + GET)
        _, headers, body = await client.response()
        assert (headers["transfer-encoding"], body) == ("chunked", b"abc")
        _, headers, body = await client.response()
        assert ("transfer-encoding" in headers, body) == (False, b"abc")


async def test_an_iterator_for_http_1_0_ends_with_the_connection(serving):
    async with serving(always(lambda: HttpResponse(200, [], pieces(b"a", b"b")))) as (_, connect):
        client = await connect()
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        _, headers, body = await client.response()
        assert (headers["connection"], body) == ("close", b"ab")


async def test_http_1_0_keeps_the_connection_if_it_asks(serving):
    async with serving(always(HttpResponse)) as (_, connect):
        client = await connect()
        for _ in range(2):
            client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (await client.response())[1]["connection"] == "keep-alive"
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.response())[1]["connection"] == "close"
        assert await client.is_closed()


async def test_head_says_the_length_and_sends_nothing(serving, file):
    made = [
        HttpResponse(200, [], b"abc"),
        HttpResponse(200, [("Content-Length", "77")]),
        HttpResponse(200, [], FilePart(str(file), 0, 1000)),
        HttpResponse(200, [("Content-Length", "5")], pieces(b"abcde")),
    ]
    async with serving(always(lambda: made.pop(0))) as (_, connect):
        client = await connect()
        client.send(HEAD * 4)
        lengths = [(await client.response(is_head=True))[1]["content-length"] for _ in range(4)]
        assert lengths == ["3", "77", "1000", "5"]


async def test_204_and_304_have_no_body_and_no_length(serving):
    made = [HttpResponse(204), HttpResponse(304, [("ETag", "1")], b"ignored"), HttpResponse(200, [], b"next")]
    async with serving(always(lambda: made.pop(0))) as (_, connect):
        client = await connect()
        client.send(GET * 3)
        assert "content-length" not in (await client.response())[1]
        assert "content-length" not in (await client.response())[1]
        assert (await client.response())[2] == b"next"


async def test_a_part_of_a_file_is_sent_from_its_offset(serving, file):
    part = FilePart(str(file), 1_234_567, 3_000_000)
    async with serving(always(lambda: HttpResponse(206, [], part))) as (_, connect):
        client = await connect()
        client.send(GET + GET)
        for _ in range(2):
            status, headers, body = await client.response()
            assert (status, headers["content-length"]) == (206, "3000000")
            assert body == file.read_bytes()[1_234_567:4_234_567]


async def test_a_file_waits_for_the_responses_before_it(serving, file):
    made = [HttpResponse(200, [], bytes(300_000)), HttpResponse(200, [], FilePart(str(file), 0, 100_000))]
    async with serving(always(lambda: made.pop(0)), write_held_bytes=1_000_000) as (_, connect):
        client = await connect()
        client.send(GET + GET)
        assert (await client.response())[2] == bytes(300_000)
        assert (await client.response())[2] == file.read_bytes()[:100_000]


async def test_a_file_that_is_gone_is_a_500(serving, tmp_path):
    async with serving(always(lambda: HttpResponse(200, [], FilePart(str(tmp_path / "none"), 0, 10)))) as (_, connect):
        client = await connect()
        client.send(GET)
        assert (await client.response())[0] == 500


async def test_a_file_shorter_than_its_part_cuts_the_connection(serving, file):
    async with serving(always(lambda: HttpResponse(200, [], FilePart(str(file), 0, 5_000_001)))) as (_, connect):
        client = await connect()
        client.send(GET)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.response()


async def test_receivers_that_take_nothing_keep_no_file_from_others(serving, file):
    whole = file.read_bytes()
    async with serving(always(lambda: HttpResponse(200, [], FilePart(str(file), 0, len(whole))))) as (_, connect):
        idle = [await connect(limit=1000) for _ in range(FILE_THREADS + 3)]
        for client in idle:
            client.send(GET)
            await client.reader.readuntil(b"\r\n\r\n")  # the file is under way, and reads no further than its limit
        other = await connect()
        for _ in range(3):
            other.send(GET)
            assert (await asyncio.wait_for(other.response(), 30))[2] == whole
        for client in idle:
            assert await client.reader.readexactly(len(whole)) == whole


async def test_a_slow_receiver_makes_the_source_wait(serving):
    made, gave_up = 0, asyncio.Event()

    async def endless():
        nonlocal made
        try:
            while True:
                made += 1
                yield bytes(100_000)
        finally:
            gave_up.set()

    async with serving(always(lambda: HttpResponse(200, [], endless())), write_s=0.1) as (_, connect):
        client = await connect(limit=1000)
        client.send(GET)
        # It reads the head and no more: after write_s the server gives up, having made what the buffers on the way hold.
        await client.reader.readuntil(b"\r\n\r\n")
        client.writer.transport.pause_reading()
        await asyncio.wait_for(gave_up.wait(), 30)
        assert made < 200


async def test_an_iterator_is_closed_when_the_receiver_leaves(serving):
    closed = asyncio.Event()

    async def endless():
        try:
            while True:
                yield bytes(100_000)
        finally:
            closed.set()

    async with serving(always(lambda: HttpResponse(200, [], endless()))) as (_, connect):
        client = await connect()
        client.send(GET)
        await client.reader.readuntil(b"\r\n\r\n")
        client.writer.transport.abort()
        await asyncio.wait_for(closed.wait(), 30)


async def test_a_source_that_fails_midway_cuts_the_connection(serving):
    async def fails():
        yield b"first"
        raise ValueError("on purpose")

    async with serving(always(lambda: HttpResponse(200, [], fails()))) as (_, connect):
        client = await connect()
        client.send(GET)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.response()


async def test_an_unforeseen_error_is_told_and_the_connection_lives(serving):
    async def fails(request):
        raise KeyError("on purpose")

    async with serving(fails) as (_, connect):
        client = await connect()
        for _ in range(2):
            client.send(GET)
            status, headers, _ = await client.response()
            assert (status, headers["x-amzn-errortype"]) == (500, "InternalFailure")


@pytest.mark.parametrize("name, value", [("x", "a\r\nevil: 1"), ("x", "a\nevil"), ("x\r\nevil", "1")])
async def test_no_header_brings_in_another(serving, name, value):
    async with serving(always(lambda: HttpResponse(200, [(name, value)]))) as (_, connect):
        client = await connect()
        client.send(GET)
        status, headers, _ = await client.response()
        assert (status, "evil" in headers) == (500, False)


@pytest.mark.parametrize("declared", ["2", "4"])
async def test_a_wrong_content_length_is_our_error(serving, declared):
    async with serving(always(lambda: HttpResponse(200, [("content-length", declared)], b"abc"))) as (_, connect):
        client = await connect()
        client.send(GET)
        assert (await client.response())[0] == 500


async def test_stop_lets_what_is_under_way_end_and_takes_no_more(serving):
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request):
        arrived.set()
        await go_on.wait()
        return HttpResponse(200, [], b"done")

    async with serving(slow) as (server, connect):
        idle, busy = await connect(), await connect()
        busy.send(GET)
        await arrived.wait()
        stopping = asyncio.ensure_future(server.stop(grace_s=5))
        assert await idle.is_closed()
        with pytest.raises(OSError):
            await connect()
        go_on.set()
        _, headers, body = await busy.response()
        assert (headers["connection"], body) == ("close", b"done")
        assert await busy.is_closed()
        await stopping


async def test_stop_waits_for_a_handler_whose_client_has_left(serving):
    arrived, go_on, ended = asyncio.Event(), asyncio.Event(), False

    async def slow(request):
        nonlocal ended
        arrived.set()
        await request.body.disconnected.wait()
        await go_on.wait()
        ended = True
        return HttpResponse()

    async with serving(slow) as (server, connect):
        client = await connect()
        client.send(GET)
        await arrived.wait()
        client.writer.transport.abort()
        stopping = asyncio.ensure_future(server.stop(grace_s=5))
        await asyncio.wait([stopping], timeout=0.05)
        assert not stopping.done()
        go_on.set()
        await stopping
        assert ended


async def test_stop_cuts_what_does_not_end_within_its_grace(serving):
    arrived, cancelled = asyncio.Event(), asyncio.Event()

    async def never(request):
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(never) as (server, connect):
        client = await connect()
        client.send(GET)
        await arrived.wait()
        await server.stop(grace_s=0.05)
        assert cancelled.is_set()
        assert await client.is_closed()


# TLS


def certificate(name: str, issuer=None, *, is_ca=False):
    """A certificate and its key, by itself or by `issuer`'s key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer_name, signer_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2120, 1, 1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(address, critical=False)
        .sign(signer_key, hashes.SHA256())
    )
    return built, key


def load(context: ssl.SSLContext, directory, made) -> None:
    path = directory / "chain.pem"
    key = made[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made[0].public_bytes(serialization.Encoding.PEM) + key)
    context.load_cert_chain(path)


@pytest.fixture
def tls(tmp_path):
    """A server's context that asks for client certificates, a client's with one, and that certificate."""
    authority = certificate("Example CA", is_ca=True)
    authority_pem = authority[0].public_bytes(serialization.Encoding.PEM).decode()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load(server, tmp_path, certificate("server", authority))
    server.load_verify_locations(cadata=authority_pem)
    server.verify_mode = ssl.CERT_OPTIONAL
    client = ssl.create_default_context(cadata=authority_pem)
    device = certificate("device", authority)
    load(client, tmp_path, device)
    return server, client, device[0].public_bytes(serialization.Encoding.PEM).decode(), authority_pem


async def test_the_handler_sees_scheme_and_client_certificate(serving, tls):
    server, client_tls, device_pem, authority_pem = tls

    async def show(request):
        return HttpResponse(200, [], f"{request.scheme} {request.client_certificate_pem}".encode())

    async with serving(show, tls=server) as (_, connect):
        client = await connect(ssl=client_tls)
        client.send(GET)
        assert (await client.response())[2].decode() == f"https {device_pem}"
        client = await connect(ssl=ssl.create_default_context(cadata=authority_pem))
        client.send(GET)
        assert (await client.response())[2] == b"https None"


@pytest.mark.parametrize("into_memory", [False, True])
async def test_files_and_uploads_go_over_tls(serving, tls, file, into_memory):
    async def handle(request):
        total = 0
        if into_memory:
            room = memoryview(bytearray(500_000))
            while count := await request.body.readinto(room):
                total += count
        else:
            total = sum([len(chunk) async for chunk in request.body])
        return HttpResponse(200, [("x-total", str(total))], FilePart(str(file), 7, 3_000_000))

    async with serving(handle, tls=tls[0]) as (_, connect):
        client = await connect(ssl=tls[1])
        for _ in range(2):
            client.send(b"PUT / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000))
            _, headers, body = await client.response()
            assert headers["x-total"] == "3000000"
            assert body == file.read_bytes()[7:3_000_007]


async def test_an_answer_that_is_held_leaves_before_its_senders_end_of_file_closes_the_connection(serving):
    """The end of file may arrive when the handler is done and its answer waits for the loop's turn to end."""
    asked = asyncio.Event()

    async def handle(request):
        asked.set()
        return HttpResponse(200, [], b"held")

    async with serving(handle) as (_, connect):
        client = await connect()
        client.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await asked.wait()
        client.writer.write_eof()
        assert await client.response() == (200, ANY, b"held")


async def test_a_server_that_stops_sends_what_it_holds(serving):
    stopping = []

    async def handle(request):
        # Before the turn ends, in which this answer is held.
        asyncio.get_running_loop().call_soon(lambda: stopping.append(asyncio.ensure_future(server.stop())))
        return HttpResponse(200, [], b"held")

    async with serving(handle) as (server, connect):
        client = await connect()
        client.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert await client.response() == (200, ANY, b"held")
        assert await client.is_closed()
        await stopping[0]


async def test_pipelined_answers_leave_in_the_order_of_their_requests(serving):
    async def handle(request):
        if request.path == "/1":
            await asyncio.sleep(0)  # longer than a turn
        return HttpResponse(200, [], request.path.encode())

    async with serving(handle) as (_, connect):
        client = await connect()
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(4)))
        assert [(await client.response())[2] for _ in range(4)] == [b"/0", b"/1", b"/2", b"/3"]
