"""Frames: however a socket cuts them they arrive whole, in order and in bounded bites; a garbled length is an end."""

import asyncio
import struct

from hypothesis import given
from hypothesis import strategies as st
from ib_async.connection import Connection

from alvh.adapters.ib.frames import BITE, LARGEST_FRAME, FramedConnection


class Socket(asyncio.Transport):
    """A reading side that says whether it is left alone."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses = 0
        self.is_reading_paused = False

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.pauses += 1
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False


def framed() -> tuple[FramedConnection, Socket, list[bytes], list[str]]:
    """A connection under test, its socket, what it passed on, and what it said."""
    passed: list[bytes] = []
    said: list[str] = []
    connection = FramedConnection(Connection(), said.append)  # type: ignore[no-untyped-call]  # the library's
    connection.hasData += passed.append
    connection.disconnected += said.append
    socket = Socket()
    connection.connection_made(socket)
    return connection, socket, passed, said


def frame(size: int) -> bytes:
    return struct.pack(">I", size) + b"x" * size


def sizes(bite: bytes) -> list[int]:
    """The lengths of the frames in a bite, which must be whole."""
    found, at = [], 0
    while at < len(bite):
        (length,) = struct.unpack_from(">I", bite, at)
        found.append(length)
        at += 4 + length
    assert at == len(bite)
    return found


@given(
    st.lists(st.one_of(st.integers(0, 60), st.integers(BITE - 8, 2 * BITE)), max_size=40),
    st.lists(st.integers(1, 40_000), min_size=1, max_size=30),
)
def test_frames_arrive_whole_in_order_and_in_bounded_bites(lengths: list[int], cuts: list[int]) -> None:
    async def main() -> None:
        connection, _, passed, said = framed()
        stream, at, turn = b"".join(map(frame, lengths)), 0, 0
        while at < len(stream):
            step = cuts[turn % len(cuts)]
            connection.data_received(stream[at : at + step])
            at, turn = at + step, turn + 1
            if turn % 3 == 0:
                await asyncio.sleep(0)
        connection.data_received(struct.pack(">I", 100) + b"half")
        for _ in range(len(lengths) + 1):
            await asyncio.sleep(0)
        assert [length for bite in passed for length in sizes(bite)] == lengths
        assert all(len(bite) <= BITE or len(sizes(bite)) == 1 for bite in passed)
        assert connection.bytes_received == len(stream) + 8
        assert not said

    asyncio.run(main())


def test_a_flood_takes_turns_with_others_and_leaves_the_socket_alone_meanwhile() -> None:
    async def main() -> None:
        connection, socket, passed, _ = framed()
        connection.data_received(frame(100) * 8000)
        assert sum(map(len, passed)) <= BITE
        assert socket.is_reading_paused
        turns = 0
        while sum(map(len, passed)) < 8000 * 104:
            await asyncio.sleep(0)
            turns += 1
        await asyncio.sleep(0)
        assert turns > 50
        assert (socket.pauses, socket.is_reading_paused) == (1, False)

    asyncio.run(main())


def test_a_length_that_cannot_be_true_ends_it_behind_what_was_whole() -> None:
    async def main() -> None:
        connection, _, passed, said = framed()
        connection.data_received(frame(5) + struct.pack(">I", LARGEST_FRAME + 1) + b"rubbish")
        connection.data_received(frame(7))
        assert passed == [frame(5)]
        assert len(said) == 1
        assert "garbled" in said[0]

    asyncio.run(main())


def test_what_came_whole_before_the_end_is_passed_on_before_it() -> None:
    async def main() -> None:
        connection, _, passed, said = framed()
        connection.disconnected += lambda _: passed.append(b"end")
        connection.data_received(frame(100) * 500 + b"\0\0")
        connection.connection_lost(None)
        assert sum(map(len, passed)) == 500 * 104 + 3
        assert passed[-1] == b"end"
        assert said == [""]

    asyncio.run(main())
