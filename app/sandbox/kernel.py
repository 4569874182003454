"""System calls that Python has no function for, through the C library. Each raises OSError."""

import ctypes
import os

# As include/uapi/linux names and numbers them; the same on all architectures.
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_GET_DUMPABLE = 3
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

# What /proc/<pid>/ns calls them. A new process tree begins with the next child.
NAMESPACES = {
    "mnt": CLONE_NEWNS,
    "uts": CLONE_NEWUTS,
    "ipc": CLONE_NEWIPC,
    "user": CLONE_NEWUSER,
    "pid_for_children": CLONE_NEWPID,
    "net": CLONE_NEWNET,
}

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_NOATIME, MS_NODIRATIME, MS_BIND = 32, 1024, 2048, 4096
MS_REC, MS_PRIVATE, MS_RELATIME = 16384, 1 << 18, 1 << 21
MNT_DETACH = 2

_CAPABILITY_VERSION_3 = 0x2008_0522
_CAPABILITIES = 64  # more than there are: 41 in Linux 6.18
_NO_ROOT_LOCKED = 0b1110_0011  # NOROOT and NO_CAP_AMBIENT_RAISE with their locks; KEEP_CAPS off and locked
_CLOSE_RANGE = 436

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

Argument = int | bytes | ctypes.Array[ctypes.c_char] | None


def _checked(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def system_call(name: str, number: int, *arguments: int | ctypes.Structure | bytes | None) -> int:
    """The result of system call `number`; a structure is passed by its address."""
    # C varargs: an int of Python would be passed as 32 bits.
    converted = [
        ctypes.c_long(each)
        if isinstance(each, int)
        else ctypes.byref(each)
        if isinstance(each, ctypes.Structure)
        else each
        for each in arguments
    ]
    return _checked(name, _libc.syscall(ctypes.c_long(number), *converted))


def prctl(option: int, *arguments: int) -> int:
    """`prctl(2)`; arguments left out are 0, as the kernel demands of most options."""
    padded = [*arguments, 0, 0, 0, 0][:4]
    return _checked("prctl", _libc.prctl(ctypes.c_int(option), *map(ctypes.c_ulong, padded)))


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    system_call("close_range", _CLOSE_RANGE, first, 0xFFFF_FFFF, 0)


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapSets(ctypes.Structure):
    _fields_ = (("words", ctypes.c_uint32 * 6),)  # effective, permitted, inheritable: low half, then high half


def bind_capabilities() -> None:
    """See to it that no file that is executed gives a capability, nor being root. As far as that is permitted.

    Needs CAP_SETPCAP, which an ordinary user lacks; there no_new_privs does the same.
    """
    for capability in range(_CAPABILITIES):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # not permitted, or the kernel has no more of them
    _libc.prctl(PR_SET_SECUREBITS, _NO_ROOT_LOCKED, 0, 0, 0)


def bounding_capabilities() -> int:
    """How many capabilities a file that is executed could still give."""
    return sum(_libc.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1 for capability in range(_CAPABILITIES))


def drop_capabilities() -> None:
    """Give up every capability: the ambient, effective, permitted and inheritable ones."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header, sets = _CapHeader(_CAPABILITY_VERSION_3, 0), _CapSets()
    _checked("capset", _libc.capset(ctypes.byref(header), ctypes.byref(sets)))


def capabilities() -> bool:
    """Whether this process has any capability."""
    header, sets = _CapHeader(_CAPABILITY_VERSION_3, 0), _CapSets()
    _checked("capget", _libc.capget(ctypes.byref(header), ctypes.byref(sets)))
    return any(sets.words)


def ptrace_me() -> None:
    """Ask to be traced by the parent: needs no right, so only a filter refuses it."""
    _libc.ptrace.restype = ctypes.c_long
    _checked("ptrace", _libc.ptrace(*map(ctypes.c_long, (0, 0, 0, 0))))


class _IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def read_memory(pid: int, address: int, into: "ctypes.Array[ctypes.c_char]") -> int:
    """How many bytes at `address` of process `pid` could be copied to `into`."""
    ours, theirs = _IoVec(ctypes.addressof(into), len(into)), _IoVec(address, len(into))
    _libc.process_vm_readv.restype = ctypes.c_ssize_t
    call = _libc.process_vm_readv(
        pid, ctypes.byref(ours), ctypes.c_ulong(1), ctypes.byref(theirs), ctypes.c_ulong(1), 0
    )
    return _checked("process_vm_readv", call)


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """`mount(2)`."""
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    source_, target_, kind_, options_ = encoded
    result = _libc.mount(source_, target_, kind_, ctypes.c_ulong(flags), options_)
    _checked(f"mount {target}", result)


def detach(target: str) -> None:
    """Unmount `target` as soon as nobody uses it."""
    _checked(f"umount {target}", _libc.umount2(os.fsencode(target), ctypes.c_int(MNT_DETACH)))


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root; the old one then stands at `old`."""
    number = {"x86_64": 155, "aarch64": 41}.get(os.uname().machine)
    if number is None:
        raise OSError(38, f"pivot_root: not known on {os.uname().machine}")
    system_call("pivot_root", number, os.fsencode(new), os.fsencode(old))
