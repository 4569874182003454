"""Hooks of ours at nodes, registered without the handles that nobody would remove them by."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

Hook = Callable[..., None]


class OwnHook(partial[None]):
    """One of ours at a node."""

    __slots__ = ()


_HookedNodes: Any = torch.autograd.Function  # where every node has its hooks registered
_register: Callable[..., tuple[object, object]] = _HookedNodes._register_hook


class _Hooks(dict[object, object]):
    """Those of one node: made in half the time of an OrderedDict, and a handle can refer to it just as well."""

    __slots__ = ("__weakref__",)


def _register_without_handle(hooks: dict[object, object] | None, hook: Hook) -> tuple[object, object]:
    """As torch's own, but makes no handle for hooks of ours, which are never removed.

    A handle takes longer to make than all else here, and would take a number that the snippet's next one gets.
    """
    if type(hook) is not OwnHook:
        return _register(hooks, hook)
    if hooks is None:
        hooks = _Hooks()
    hooks[hook] = hook
    return hooks, None


def spare_handles() -> None:
    """Let our hooks be registered without handles, from now on."""
    if _HookedNodes._register_hook is not _register_without_handle:
        _HookedNodes._register_hook = staticmethod(_register_without_handle)
