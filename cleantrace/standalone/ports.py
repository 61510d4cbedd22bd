"""Free TCP ports."""

import random
import socket

from cleantrace.standalone.errors import PortTaken

# Below the range from which systems take the ports of outgoing connections (32768 on Linux,
# 49152 elsewhere), so that a server which is started again finds its port still free.
_FIRST, _LAST = 20_000, 32_000


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on `host`:`port` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free at this moment.

    Raises:
        PortTaken: none was found in a hundred tries.
    """
    for port in random.SystemRandom().sample(range(_FIRST, _LAST), 100):
        if is_free(host, port):
            return port
    raise PortTaken(f"No free port was found on {host} between {_FIRST} and {_LAST}.")
