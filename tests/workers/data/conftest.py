from pathlib import Path

import pytest

from tests.workers.data.support import Indexer


@pytest.fixture
def index(tmp_path: Path) -> Indexer:
    root = tmp_path / "data"
    root.mkdir()
    return Indexer(root, tmp_path / "examples.arrow")
