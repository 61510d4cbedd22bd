"""Gate policies as files in a repository."""

from cleantrace.gates.policy_file import PolicyFile, PolicyFileInvalid, read_policy

__all__ = ["PolicyFile", "PolicyFileInvalid", "read_policy"]
