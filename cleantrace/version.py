"""The release, in one place: the package's metadata, the CLI and the client's user agent."""

__version__ = "0.1.0"
