"""What several ask for at once is made once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from app.sandbox.asking import Asking, asking

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class _Making(Generic[Made]):
    def __init__(self, make: Callable[[], Awaitable[Made]]) -> None:
        self.who: Asking = asking()
        self.task = asyncio.create_task(_awaited(make))
        self.waiting = 0


class Together(Generic[Key, Made]):
    """Goes on as long as anybody waits for it, whoever asked first."""

    def __init__(self) -> None:
        self._under_way: dict[Key, _Making[Made]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._under_way

    async def of(self, key: Key, make: Callable[[], Awaitable[Made]]) -> Made:
        """What `make` makes; what is being made under this key already, if it is."""
        making = self._under_way.get(key)
        if making is None:
            making = self._under_way[key] = _Making(make)
        making.waiting += 1
        try:
            return await asyncio.shield(making.task)
        finally:
            asking().run = making.who.run
            making.waiting -= 1
            if not making.waiting:  # done, or the last one has left: who comes now begins anew
                making.task.cancel()
            if (not making.waiting or making.task.done()) and self._under_way.get(key) is making:
                del self._under_way[key]


async def _awaited(make: Callable[[], Awaitable[Made]]) -> Made:
    return await make()
