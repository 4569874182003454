"""All attacks by kind, and the numbers of the system calls that they make here."""

import pyseccomp

from tests.attacks import process, system

KINDS = {
    "files": system.FILES,
    "proc": system.PROC,
    "processes": system.PROCESSES,
    "signals": system.SIGNALS,
    "network": system.NETWORK,
    "kernel": system.KERNEL,
    "bombs": process.BOMBS,
    "protocol": process.PROTOCOL,
    "poison": process.POISON,
    "torch": process.TORCH,
}
ATTACKS = [(f"{kind}: {attack.name}", attack) for kind, attacks in KINDS.items() for attack in attacks]
NAMED = set(
    """openat inotify_init1 open_by_handle_at openat2 vfork clone clone3 execveat memfd_secret memfd_create prlimit64
    prctl seccomp capset personality tgkill rt_sigqueueinfo alarm ptrace process_vm_readv kcmp pidfd_getfd socket
    eventfd2 epoll_create1 shmget mq_open semget io_uring_setup bpf userfaultfd keyctl add_key perf_event_open mount
    pivot_root unshare setns init_module kexec_load reboot swapoff adjtimex syslog quotactl acct ioperm ioctl io_setup
    landlock_create_ruleset""".split()
)
NUMBERS = {name: pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) for name in NAMED}
