"""The whole environment of the zygote, and so of every child. Nothing of the server's own is in it."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]

ENVIRONMENT = {
    # A parallel region of several threads would leave children waiting for threads that a fork does not copy.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Else `torch.set_num_threads(4)` in a snippet ends its process: libgomp exits when it gets no threads.
    "OMP_THREAD_LIMIT": "1",
    # Huge pages for the heap make a fork three times as fast. Ignored where the C library is not glibc ≥ 2.35.
    # Tensors from 64 kB on get pages of their own: in one heap with what the recorder keeps, 1,500 steps over a
    # tensor of 4 MB took 11 GB, because each freed block was a few bytes too short for the next.
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=65536",
    "PYTHONHASHSEED": "0",  # a set prints in the same order after a restart
    "PYTHONUTF8": "1",
    "LC_ALL": "C.UTF-8",
    "HOME": "/",
    "USER": "tapescope",  # torch asks for the user's name, and a uid of a run has none
    "PATH": "/usr/bin:/bin",
    # torch makes this folder while it is imported: one that exists, or a read-only container could not import it.
    "TORCHINDUCTOR_CACHE_DIR": "/",
    # Where the worker and its packages are, should they be found in no other way. Children do without.
    "PYTHONPATH": os.pathsep.join([str(ROOT), *PACKAGES]),
}
