import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every account may pass, as the one that runs Postgres for root must."""
    made = Path(tempfile.mkdtemp(prefix="cleantrace-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
