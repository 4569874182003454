"""Runs a seccomp program as the kernel would, for any architecture: what it answers to a call, without the hardware.

The language is classic BPF, of which libseccomp writes a part: loads, comparisons, jumps, `and`, return.
Source: https://docs.kernel.org/networking/filter.html
"""

import struct
from collections.abc import Sequence

_INSTRUCTION = struct.Struct("=HBBI")
_DATA = struct.Struct("=iIQ6Q")  # struct seccomp_data: number, architecture, instruction pointer, arguments


def verdict(program: bytes, arch: int, number: int, arguments: Sequence[int] = ()) -> int:
    """What `program` returns for system call `number`: an action, with an error's number in its low half."""
    data = _DATA.pack(number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions = list(_INSTRUCTION.iter_unpack(program))
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        match code:
            case 0x20:  # load the word at `value`
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x54:
                accumulator &= value
            case 0x05:
                at += value
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x25:
                at += if_true if accumulator > value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"instruction {code:#x} is not known here")
