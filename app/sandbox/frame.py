"""How a request and an answer go over their pipes: what it is, its length, its bytes.

The length lets the server answer before the child is gone, and tells a whole answer from a cut one.
"""

import os
import struct
from typing import Literal

# A request; an answer; or in place of one: the worker itself failed; the child failed before it took the request.
Kind = Literal[b"R", b"A", b"F", b"N"]

HEADER = struct.Struct("<cI")
FAILURE_BYTES = 2_000


def pack(kind: Kind, body: bytes) -> bytes:
    """One frame."""
    return HEADER.pack(kind, len(body)) + body


def read_request(descriptor: int, most_bytes: int) -> bytes | None:
    """The body of the request that arrives at `descriptor`; None if its writer goes away before it is whole."""
    data = bytearray()
    while True:
        if len(data) >= HEADER.size:
            length: int = HEADER.unpack_from(data)[1]
            if length > most_bytes:
                return None
            if len(data) >= HEADER.size + length:
                return bytes(data[HEADER.size :])
        part = os.read(descriptor, 65_536)
        if not part:
            return None
        data += part
