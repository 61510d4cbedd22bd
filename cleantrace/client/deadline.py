"""How long to wait for something."""

import time

from cleantrace.client.errors import WaitTimedOut


class Deadline:
    """A point in time after which waiting raises WaitTimedOut.

    Args:
        what: the job, for the message.
        limit_s: seconds from now; None never ends.
    """

    def __init__(self, what: str, limit_s: float | None) -> None:
        self._what = what
        self._limit_s = limit_s
        self._end = None if limit_s is None else time.monotonic() + limit_s

    def left_s(self) -> float:
        """Raises WaitTimedOut: nothing is left."""
        if self._end is None:
            return float("inf")
        left = self._end - time.monotonic()
        if left <= 0:
            raise WaitTimedOut(f"{self._what} was not over after {self._limit_s:g} s; it goes on.")
        return left
