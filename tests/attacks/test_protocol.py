"""The pipe from a child, whatever comes out of it, in whatever pieces: one frame is read, and nothing is believed."""

import asyncio
import os
import struct
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.sandbox.child import Child, Received
from app.trace.wire import ForgedAnswer, decode_reference, decode_trace
from tests.fuzzing import EXAMPLES

MOST_BYTES = 4_096
HEADER = struct.Struct("<cI")
KINDS = (b"A", b"F", b"N")

FRAMES = st.builds(
    lambda kind, length, body: HEADER.pack(kind, len(body) if length is None else length) + body,
    st.sampled_from([b"A", b"F", b"N", b"R", b"Z", b"\0"]),
    st.one_of(st.none(), st.integers(0, 2**32 - 1)),
    st.binary(max_size=200),
)
STREAMS = st.one_of(st.binary(max_size=64), st.lists(FRAMES, max_size=3).map(b"".join))


async def read(pieces: list[bytes]) -> Received:
    """What the server reads of a child that writes `pieces` and ends."""
    request, answer = os.pipe(), os.pipe()
    child = Child(1, -1, request[1], answer[0])
    child.exited.set_result(None)
    reading = asyncio.create_task(child.read(MOST_BYTES))
    try:
        for piece in pieces:
            if not reading.done():
                os.write(answer[1], piece)
                await asyncio.sleep(0)
        os.close(answer[1])
        async with asyncio.timeout(10):
            return await reading
    finally:
        for descriptor in (*request, answer[0]):
            os.close(descriptor)


@settings(derandomize=True, max_examples=EXAMPLES, deadline=None)
@given(stream=STREAMS, cuts=st.lists(st.integers(0, 300), max_size=6))
@example(stream=HEADER.pack(b"A", MOST_BYTES + 1), cuts=[])
@example(stream=HEADER.pack(b"A", 3) + b"abcd", cuts=[5, 8])
def test_what_is_read_is_what_the_first_frame_says(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(edges) if begin < end]
    received = asyncio.run(read(pieces))
    kind, length = HEADER.unpack_from(stream) if len(stream) >= HEADER.size else (None, 0)
    whole = HEADER.size + length
    if kind is None or (kind in KINDS and length <= MOST_BYTES and len(stream) < whole):
        assert received == Received()
    elif kind not in KINDS:
        assert received == Received(kind=kind)
    elif length > MOST_BYTES:
        assert received.too_large
        assert not received.body
    else:
        assert (received.kind, received.body) == (kind, stream[HEADER.size : whole])
        assert received.surplus <= (len(stream) > whole)  # what comes with it is seen; what comes later is not read


@settings(derandomize=True, max_examples=EXAMPLES, deadline=None)
@given(body=st.binary(max_size=400))
@example(body=b"\x80")
@example(body=b"\xdd\xff\xff\xff\xff")
@example(body=b"\x91" * 100_000)
def test_bytes_are_an_answer_or_forged(body: bytes) -> None:
    for decode in (decode_trace, decode_reference):
        try:
            decode(body)
        except ForgedAnswer:
            continue
