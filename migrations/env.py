"""What alembic runs. The connection comes from `migrations.__main__`, so that its lock holds."""

from __future__ import annotations

import re
from typing import Any

from alembic import context
from sqlalchemy import text

from app.tables import metadata

_PARTITION = re.compile(r"scores_p\d+")


def is_ours(item: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Partitions and what hangs on them follow their parent: models do not list them."""
    table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
    return not (table and _PARTITION.fullmatch(table))


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    include_object=is_ours,
    compare_type=True,
    compare_server_default=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    # Better a migration that gives up than one that makes every request wait behind it.
    # Better a migration that gives up than one that makes every request wait behind it.
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    context.run_migrations()
