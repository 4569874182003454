"""The system calls that a jailed child may make, each with its reason, and what the others are answered.

Seen by strace over 131 snippets: torch needs 18 system calls after the fork. Those say "torch" or "Python" in their
reason. The rest are their variants on other architectures and C libraries, what error paths use, and what asks only
for a fact. None of them makes a process, a thread, a socket or a file, or reaches another process.
x86-64 and aarch64 are meant by the same names: what one of them does not have is passed over there.
"""

import errno

# What makes or opens for writing is Landlock's to refuse, beside the flags of `openat`.
ALLOWED = {
    # Files, for reading; which ones is Landlock's.
    "openat": "Python opens modules, and a snippet what it may read",
    "read": "Python reads what it opened, and the request",
    "pread64": "reading without moving the place: zip files, the loader",
    "readv": "musl reads its streams by it",
    "lseek": "Python asks where it stands in a file",
    "close": "Python closes what it opened",
    "dup": "Python copies a descriptor to wrap it; RLIMIT_NOFILE bounds how many",
    "newfstatat": "Python looks for modules",
    "fstat": "Python asks what it opened",
    "stat": "newfstatat on older C libraries",
    "lstat": "newfstatat on older C libraries",
    "statx": "newfstatat on newer C libraries",
    "getdents64": "Python lists the folders of its path",
    "readlink": "os.path.realpath",
    "readlinkat": "os.path.realpath where readlink does not exist",
    "access": "os.access: asks, and opens nothing",
    "faccessat": "os.access where access does not exist",
    "faccessat2": "os.access with flags",
    "getcwd": "os.getcwd, and every relative path in a traceback",
    # The answer, and what a snippet writes to /dev/null. Nothing else is open for writing.
    "write": "the answer's way out",
    "writev": "musl writes its streams by it",
    # Memory of its own; RLIMIT_AS bounds it. Executable memory is allowed: oneDNN compiles kernels, ctypes callbacks,
    # and what runs there is held by this filter like all else.
    "mmap": "torch takes memory for tensors, and maps libraries",
    "munmap": "torch gives memory back",
    "mremap": "the C library grows a large block in place",
    "mprotect": "oneDNN makes its kernels executable",
    "madvise": "the C library gives pages back, and asks for huge ones",
    "brk": "the C library takes small memory",
    # Waiting, for itself alone.
    "futex": "torch takes its locks, Python the one of the interpreter",
    "set_robust_list": "the C library, once in a process",
    "rseq": "the C library registers its counters for this processor",
    "membarrier": "the C library, where a library with thread-local data is loaded",
    "sched_yield": "torch spins on a lock for a moment",
    "clock_nanosleep": "time.sleep",
    "nanosleep": "time.sleep on older C libraries",
    "poll": "select.poll on what is open already",
    "ppoll": "select.poll where poll does not exist",
    "select": "select.select, and time.sleep before Python 3.11",
    "pselect6": "select.select where select does not exist",
    "restart_syscall": "the kernel goes on with a sleep that a signal broke off",
    # Facts about itself and the machine's clock and name; in namespaces the name is ours.
    "gettid": "torch names its thread",
    "getpid": "os.getpid, and logging",
    "getppid": "os.getppid: a number",
    "getuid": "os.getuid, and the loader",
    "geteuid": "os.geteuid, and the loader",
    "getgid": "os.getgid, and the loader",
    "getegid": "os.getegid, and the loader",
    "uname": "platform.machine, and torch's look at the processor",
    "sched_getaffinity": "os.cpu_count, and torch's number of threads",
    "getrusage": "resource.getrusage of itself",
    "times": "os.times",
    "time": "the clock where it is not read from the vDSO",
    "gettimeofday": "the clock where it is not read from the vDSO",
    "clock_gettime": "the clock where it is not read from the vDSO",
    "clock_getres": "time.get_clock_info",
    "getrandom": "os.urandom, and seeds",
    # Signals to itself only: none can be sent.
    "rt_sigaction": "Python sets handlers, the worker its own for the deadline",
    "rt_sigprocmask": "the worker holds the deadline's signal back while it answers",
    "rt_sigreturn": "every handler returns by it",
    "sigaltstack": "faulthandler",
    # The end.
    "exit": "the only thread ends",
    "exit_group": "the process ends",
}

# Allowed for these values of one argument only: name → (which argument, value → reason).
NARROWED = {
    "ioctl": (
        1,
        {
            0x5401: "TCGETS: isatty, which Python asks of every stream",
            0x802C_542A: "TCGETS2: isatty on newer C libraries",
            0x5413: "TIOCGWINSZ: the width of a terminal, for what is printed",
            0x5451: "FIOCLEX: close on exec",
            0x5450: "FIONCLEX: not so",
        },
    ),
    "fcntl": (
        1,
        {
            1: "F_GETFD: whether it is closed on exec",
            2: "F_SETFD: that it is",
            3: "F_GETFL: how it was opened",
            1030: "F_DUPFD_CLOEXEC: os.dup",
        },
    ),
}

# What libraries know how to live without: "can't start new thread" instead of an odd error.
ANSWERED = {
    "clone": errno.EAGAIN,  # as if there were too many already: Python and libgomp say so in their own words
    "fork": errno.EAGAIN,
    "vfork": errno.EAGAIN,
    "clone3": errno.ENOSYS,  # then the C library tries clone
}

# No honest snippet makes these: the child ends at once. All others are refused with EPERM.
KILLED = {
    "ptrace": "takes over another process",
    "process_vm_readv": "reads another process's memory",
    "process_vm_writev": "writes another process's memory",
    "process_madvise": "gives hints about another process's memory",
    "kcmp": "compares what processes share",
    "pidfd_getfd": "takes another process's descriptors",
    "io_uring_setup": "makes other system calls past a filter",
    "io_uring_enter": "makes other system calls past a filter",
    "io_uring_register": "makes other system calls past a filter",
    "bpf": "loads programs into the kernel",
    "userfaultfd": "stops the kernel in the middle of a copy: the helper of many an exploit",
    "perf_event_open": "watches the kernel and the processor",
    "keyctl": "reaches keys of the user and the kernel",
    "add_key": "reaches keys of the user and the kernel",
    "request_key": "starts a program of the host",
    "mount": "changes what files there are",
    "umount2": "changes what files there are",
    "pivot_root": "changes what files there are",
    "open_tree": "changes what files there are",
    "move_mount": "changes what files there are",
    "fsopen": "changes what files there are",
    "fsconfig": "changes what files there are",
    "fsmount": "changes what files there are",
    "fspick": "changes what files there are",
    "mount_setattr": "changes what files there are",
    "open_by_handle_at": "opens a file without its path",
    "unshare": "makes namespaces, and in them rights",
    "setns": "enters namespaces of others",
    "init_module": "loads code into the kernel",
    "finit_module": "loads code into the kernel",
    "delete_module": "takes code out of the kernel",
    "kexec_load": "replaces the kernel",
    "kexec_file_load": "replaces the kernel",
    "reboot": "ends the machine",
    "swapon": "changes the machine's memory",
    "swapoff": "changes the machine's memory",
    "iopl": "reaches hardware",
    "ioperm": "reaches hardware",
}
