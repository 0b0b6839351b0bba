"""Whose a connection is. What functions try is in tests/unit/gateway/test_functions_are_not_root.py."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pileus.runtime import callers
from pileus.runtime.callers import Callers, Socket, other_end

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who calls")


@pytest.fixture(params=["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def ends(request) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's end and the server's."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1" if family == socket.AF_INET else "::", 0))
        listener.listen()
        client = socket.socket(family)
        client.connect((request.param, listener.getsockname()[1]))
        served, _ = listener.accept()
    with client, served:
        yield client, served


@pytest.mark.parametrize("ask", [callers._ask_kernel, callers._read_tables])
def test_the_kernel_and_its_tables_name_the_socket_and_its_user(ends, ask):
    client, served = ends
    found = ask(served.getpeername()[:2], served.getsockname()[:2])
    assert found == Socket(os.fstat(client.fileno()).st_ino, os.getuid())
    # The other way round it is the other one.
    found = ask(client.getpeername()[:2], client.getsockname()[:2])
    assert found == Socket(os.fstat(served.fileno()).st_ino, os.getuid())


def test_an_end_that_was_closed_is_nobodys(ends):
    client, served = ends
    remote, local = served.getpeername()[:2], served.getsockname()[:2]
    client.shutdown(socket.SHUT_WR)
    assert other_end(remote, local).inode == os.fstat(client.fileno()).st_ino  # still there to read the answer
    client.close()
    assert other_end(remote, local) is None


def test_a_listener_with_the_address_of_one_that_has_gone_is_another():
    address = "127.99.88.77"  # on loopback, and nobody else's
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), source_address=(address, 0))
        served, remote = listener.accept()
    with served:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # gone at once, by a reset
        local = client.getpeername()
        client.close()
        with socket.create_server(remote):
            assert other_end(remote, local) is None


async def test_before_any_function_ran_nobody_is_asked_about():
    assert await Callers().is_function(("127.0.0.1", 1), ("127.0.0.1", 2)) is False


@pytest.fixture
def known() -> Iterator[Callers]:
    """Callers that know a zygote: this test's child, which is none."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    made = Callers()
    made.add(child.pid, {"namespaces": False, "as_root": os.getuid() == 0})
    yield made
    made.close()
    child.communicate(b"\n")


async def test_what_pileus_itself_asks_is_asked_for_somebody(known, ends):
    _, served = ends
    assert await known.is_function(served.getpeername(), served.getsockname()) is True


async def test_another_program_is_no_function(known):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = f"import socket; s = socket.create_connection({listener.getsockname()!r}); s.recv(1)"
        program = subprocess.Popen([sys.executable, "-c", code])
        served, _ = listener.accept()
        with served:
            assert await known.is_function(served.getpeername(), served.getsockname()) is False
            program.kill()
            program.wait()
            assert await known.is_function(served.getpeername(), served.getsockname()) is True


async def test_one_that_cant_be_asked_for_is_refused(known, ends, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError("no descriptors left")

    monkeypatch.setattr(callers, "other_end", fail)
    assert await known.is_function(("127.0.0.1", 1), ("127.0.0.1", 2)) is True
    assert await known.is_function((), ()) is True
