"""Finds mislabelled training data by the influence each example has on itself.

This package is the client's side: it needs neither torch nor the service's packages.
"""

from cleantrace.client import AsyncClient, Client
from cleantrace.client.errors import CleantraceError
from cleantrace.version import __version__

__all__ = ["AsyncClient", "CleantraceError", "Client", "__version__"]
