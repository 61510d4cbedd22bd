"""Finds mislabelled training data by the influence each example has on itself.

This package is the client's side: it needs neither torch nor the service's packages.
"""

from typing import TYPE_CHECKING, Any

from cleantrace.version import __version__

if TYPE_CHECKING:
    from cleantrace.client import AsyncClient, Client
    from cleantrace.client.errors import CleantraceError

__all__ = ["AsyncClient", "CleantraceError", "Client", "__version__"]


def __getattr__(name: str) -> Any:
    """Loads the client when it is first asked for: it brings HTTP along."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cleantrace import client
    from cleantrace.client import errors

    return getattr(errors if name == "CleantraceError" else client, name)
