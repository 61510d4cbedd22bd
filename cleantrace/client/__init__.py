"""The Python client: `Client`, what its methods return, and what they raise."""

from cleantrace.client.client import Client
from cleantrace.client.models import (
    Checkpoint,
    Dataset,
    Evidence,
    Failure,
    Flag,
    Influence,
    Progress,
    RejectedRow,
    Run,
    Scan,
    Score,
)

__all__ = [
    "Checkpoint",
    "Client",
    "Dataset",
    "Evidence",
    "Failure",
    "Flag",
    "Influence",
    "Progress",
    "RejectedRow",
    "Run",
    "Scan",
    "Score",
]
