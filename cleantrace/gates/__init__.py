"""Gate policies as files in a repository."""

from cleantrace.gates.policy_file import (
    Fault,
    PolicyFile,
    PolicyFileInvalid,
    parse_policy,
    read_policy,
    write_policy,
)

__all__ = [
    "Fault",
    "PolicyFile",
    "PolicyFileInvalid",
    "parse_policy",
    "read_policy",
    "write_policy",
]
