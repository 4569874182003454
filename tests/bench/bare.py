"""Fork and exec of snippets with nothing around them: no jail, no tracing, no Trace, no page.

`python -m tests.bench.bare PORT AT_ONCE` imports what the zygote imports, says "ready", then forks for each
connection: the child reads a snippet to the end of the stream, runs it and sends what it printed. No more
than AT_ONCE children run at one time, as in the server. Ends when its stdin does.
"""

import gc
import io
import os
import select
import signal
import socket
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NoReturn

from app.sandbox import heap
from app.worker.preload import preload
from tests.bench.server import HOST


def main(port: int, at_once: int) -> None:
    """Serve until stdin ends."""
    preload()
    gc.collect()
    gc.freeze()
    heap.fill_holes()
    heap.make_room()
    running: set[int] = set()
    with socket.create_server((HOST, port), backlog=256) as listening:
        print("ready", flush=True)
        while True:
            if len(running) == at_once:
                pid, _ = os.wait()
                running.discard(pid)
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                break
            connection, _ = listening.accept()
            with connection:
                pid = os.fork()
                if pid == 0:
                    answer(connection)
            running.add(pid)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def answer(connection: socket.socket) -> NoReturn:
    """Run the snippet that comes, send what it printed, and end this process."""
    try:
        source = b""
        while part := connection.recv(65_536):
            source += part
        printed = io.StringIO()
        with redirect_stdout(printed), redirect_stderr(printed):
            try:
                exec(compile(source, "snippet.py", "exec"), {"__name__": "__main__"})  # noqa: S102  # our own snippets
            except Exception as error:  # noqa: BLE001  # some of them raise
                print(error)
        connection.sendall(printed.getvalue().encode())
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
