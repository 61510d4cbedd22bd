"""The whole service on one machine: real servers, supervised, nothing left behind."""

from cleantrace.standalone.errors import StandaloneError
from cleantrace.standalone.postgres import NO_DURABILITY, PostgresServer
from cleantrace.standalone.stack import Stack
from cleantrace.standalone.valkey import ValkeyServer

__all__ = ["NO_DURABILITY", "PostgresServer", "Stack", "StandaloneError", "ValkeyServer"]
