"""All checks; a new one is added here."""

from tools.checks.commits import CommitOnlyAtTheEdge
from tools.checks.environment import EnvironmentOnlyInSettings
from tools.checks.length import FileLength
from tools.checks.loading import SafeLoading
from tools.checks.private_queries import QueriesArePrivate
from tools.checks.source import Check
from tools.checks.sql import SqlOnlyInQueries
from tools.checks.words import ForbiddenWords

EVERY_CHECK: tuple[Check, ...] = (
    CommitOnlyAtTheEdge(),
    EnvironmentOnlyInSettings(),
    FileLength(),
    ForbiddenWords(),
    QueriesArePrivate(),
    SafeLoading(),
    SqlOnlyInQueries(),
)
