"""Every number of the server, and the environment variable that sets it.

`TAPESCOPE_` and the field's name in capitals: `TAPESCOPE_DEADLINE_S=3`, `TAPESCOPE_PUBLIC=1`.
"""

import difflib
import os
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from app.machine import cores, room_for_children

PREFIX = "TAPESCOPE_"

Positive = Annotated[int, Meta(gt=0)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class BadSetting(ValueError):  # noqa: N818  # it says what happened
    """A setting in the environment that cannot be used; the message is one sentence for the operator."""


class Settings(Struct, frozen=True, kw_only=True):
    """What an operator can set; the defaults suit one laptop."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    public: bool = False  # refuse to start when a core layer of the sandbox is missing

    deadline_s: Seconds = 5.0  # from hand-over; then the snippet is asked to answer with what it has
    grace_s: Seconds = 1.0  # after the deadline, to answer in; then it is killed
    memory_bytes: Annotated[int, Meta(ge=64 * 2**20)] = 2**30  # of a snippet's own, beside what torch maps
    output_bytes: Positive = 64 * 2**10  # stdout and stderr together
    source_bytes: Annotated[int, Meta(gt=0, le=10**6)] = 20_000  # of a snippet, in UTF-8
    answer_bytes: Annotated[int, Meta(ge=2**10, le=2**30)] = 16 * 2**20  # of what a child may send back

    running: Positive = msgspec.field(default_factory=cores)  # snippets at once: more only makes all of them wait
    page_processes: Annotated[int, Meta(ge=0, le=64)] = msgspec.field(default_factory=cores)  # for a crowd's pages
    idle: Annotated[int, Meta(ge=0, le=64)] = msgspec.field(default_factory=lambda: min(8, 2 * cores()))
    idle_most: Annotated[int, Meta(ge=0, le=2_000)] = msgspec.field(default_factory=room_for_children)  # in a class
    idle_age_s: Seconds = 300.0  # an idle child is replaced when it gets older than this
    queue: Annotated[int, Meta(ge=0)] = 400  # snippets that may wait for their turn
    queue_of_address: Annotated[int, Meta(ge=0)] = 240  # of them, from one address: a large class behind one router
    queue_of_page: Positive = 8  # of them, from one page, which presses Run once at a time
    # Proxies whose X-Forwarded-For is believed: addresses and networks, apart by commas, or * for whoever connects.
    trusted_proxies: str = ""
    kept_bytes: Annotated[int, Meta(ge=0)] = 64 * 2**20  # of answers, compressed, for who sends the same snippet
    drain_s: Seconds = 8.0  # after SIGTERM, for the runs that were accepted
    check_s: Seconds = 5.0  # from one look at the process that forks to the next
    growth_bytes: Positive = 64 * 2**20  # of the process that forks, since it began; then it is replaced
    metrics: bool | None = None  # answer /metrics; unless set, a server that is public does not
    start_s: Seconds = 120.0  # for the zygote to import torch and be ready

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The defaults, overridden by `TAPESCOPE_*`. Raises BadSetting."""
        known = {PREFIX + name.upper(): name for name in cls.__struct_fields__}
        given: dict[str, str] = {}
        for variable, text in environment.items():
            if not variable.startswith(PREFIX):
                continue
            if variable in known:
                given[known[variable]] = text.strip()
            elif near := difflib.get_close_matches(variable, known, n=1, cutoff=0.8):
                raise BadSetting(f"{variable} is not a setting of Tapescope; did you mean {near[0]}?")
        try:
            # Not strict: the environment holds text, and "1", "true" or "0.5" are meant as what they say.
            return msgspec.convert(given, cls, strict=False)
        except msgspec.ValidationError as error:
            what, _, where = str(error).partition(" - at `$.")
            variable = PREFIX + where.rstrip("`").upper()
            value = environment.get(variable, "")
            raise BadSetting(f"{variable}={value!r} cannot be used: {what[:1].lower()}{what[1:]}.") from error
