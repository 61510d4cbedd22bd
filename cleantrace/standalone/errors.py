"""What can go wrong when a stack starts, each with the remedy in its message."""


class StandaloneError(Exception):
    """A stack or one of its servers cannot start or go on; the message says what to do."""


class DirectoryInUse(StandaloneError):
    """Another live process owns the data directory."""


class DirectoryUnreachable(StandaloneError):
    """The account that must run Postgres cannot reach a path it needs."""


class PortTaken(StandaloneError):
    """The port asked for is in use."""


class ProgramMissing(StandaloneError):
    """A server's program is not installed."""


class ServerFailed(StandaloneError):
    """A process ended, or did not become ready; the message holds the end of its log."""


class StopRequested(Exception):
    """Raised by a waiting step of the launcher once it has been told to stop."""
