"""Each rule sees its violation, and leaves the same thing alone where it is allowed."""

import subprocess
from pathlib import Path, PurePosixPath

import pytest

from tools.checks.every import EVERY_CHECK
from tools.checks.source import SourceFile, run_check, tracked_files

VIOLATIONS = [
    ("sql-in-queries", "app/reviews/service.py", "from sqlalchemy import func, select\n"),
    ("sql-in-queries", "app/reviews/service.py", "db.execute(statement)\n"),
    ("sql-in-queries", "workers/scanning/finalise.py", "rows = db.scalars(statement).all()\n"),
    ("sql-in-queries", "app/reviews/routes.py", "import sqlalchemy as sa\nsa.select(Item)\n"),
    ("sql-in-queries", "app/reviews/service.py", "item = db.get(Item, item_id)\n"),
    ("sql-in-queries", "app/scans/service.py", "with cursor.copy(statement) as copy:\n    pass\n"),
    ("commit-at-the-edge", "app/reviews/service.py", "db.commit()\n"),
    ("commit-at-the-edge", "workers/scanning/queries.py", "session.commit()\n"),
    ("environment-in-settings", "workers/sweep.py", "import os\nos.environ['A']\n"),
    ("environment-in-settings", "app/main.py", "import os\nos.getenv('A')\n"),
    ("environment-in-settings", "app/main.py", "from os import environ\n"),
    ("file-length", "app/dashboard/static/site.css", "a {}\n" * 501),
    ("file-length", "workers/long.py", "x = 1\n" * 501),
    ("private-queries", "app/scans/service.py", "from app.datasets import queries\n"),
    ("private-queries", "app/scans/pages.py", "from app.runs.queries import run_rows\n"),
    ("private-queries", "app/paging.py", "import app.scans.score_queries\n"),
    ("safe-loading", "workers/models/weights.py", "torch.load(path)\n"),
    ("safe-loading", "workers/models/weights.py", "torch.load(path, weights_only=False)\n"),
    ("safe-loading", "workers/models/weights.py", "torch.load(path, weights_only=flag)\n"),
    ("safe-loading", "workers/models/weights.py", "from torch import load\n"),
    ("safe-loading", "workers/models/weights.py", "torch.export.load(path)\n"),
    ("safe-loading", "workers/models/weights.py", "from torch.jit import load\n"),
    ("safe-loading", "workers/models/weights.py", "import pickle\npickle.load(file)\n"),
    ("safe-loading", "workers/models/weights.py", "from pickle import Unpickler\n"),
    ("safe-loading", "workers/models/weights.py", "import pickle as p\n"),
    ("safe-loading", "workers/data/npz.py", "import joblib\n"),
    ("safe-loading", "workers/data/npz.py", "np.load(path, allow_pickle=True)\n"),
    ("safe-loading", "workers/models/hub.py", "make(n, trust_remote_code=t)\n"),
    ("forbidden-words", "docs/start.md", "cd " + "/" + "work/main\n"),
    ("forbidden-words", "Dockerfile", "COPY x " + "/" + "root/.cache\n"),
    ("forbidden-words", "Makefile", "pip install -i https://pypi." + "python.org/simple x\n"),
]  # fmt: skip

ALLOWED = [
    ("app/reviews/queries.py", "from sqlalchemy import select\ndb.execute(select(Item))\n"),
    ("app/scans/score_queries.py", "from sqlalchemy import select\n"),
    ("app/scans/service.py", "from app.scans import queries, score_queries\n"),
    ("app/scans/service.py", "from app.datasets import service\n"),
    ("workers/sweep.py", "from app.scans import job_queries\n"),
    ("app/reviews/models.py", "from sqlalchemy import Index, text\n"),
    ("app/reviews/service.py", "from sqlalchemy.orm import Session\nitem = found.get('a')\n"),
    ("app/db.py", "session.commit()\n"),
    ("migrations/env.py", "connection.execute(text('SELECT 1'))\n"),
    ("app/settings.py", "import os\nos.environ\n"),
    ("cleantrace/standalone/launcher.py", "import os\nos.environ.get('DATABASE_URL')\n"),
    ("workers/exact.py", "x = 1\n" * 500),
    ("workers/models/weights.py", "torch.load(path, weights_only=True, map_location='cpu')\n"),
    ("workers/models/weights.py", "import pickle\ntry: f()\nexcept pickle.UnpicklingError: g()\n"),
    ("workers/data/npz.py", "np.load(path, allow_pickle=False)\n"),
    ("tests/workers/test_weights.py", "import pickle\npickle.dumps(payload)\n"),
    ("docs/start.md", "https://example.org/work/x and src/root/y\n"),
]


def found_in(path: str, text: str) -> set[str]:
    file = SourceFile(PurePosixPath(path), text)
    return {finding.check for check in EVERY_CHECK for finding in run_check(check, file)}


@pytest.mark.parametrize(("check", "path", "text"), VIOLATIONS)
def test_violation_is_found(check: str, path: str, text: str) -> None:
    assert found_in(path, text) == {check}


@pytest.mark.parametrize(("path", "text"), ALLOWED)
def test_allowed_code_is_left_alone(path: str, text: str) -> None:
    assert found_in(path, text) == set()


def test_every_check_has_a_violation_here() -> None:
    assert {check.name for check in EVERY_CHECK} == {name for name, _, _ in VIOLATIONS}


def test_finding_names_file_line_and_rule() -> None:
    file = SourceFile(PurePosixPath("app/x.py"), "\n\ndb.commit()\n")
    findings = [str(found) for check in EVERY_CHECK for found in run_check(check, file)]
    assert findings == ["app/x.py:3: [commit-at-the-edge] only app/db.py commits; flush() here"]


def test_files_that_git_ignores_are_not_read(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    (tmp_path / "ignored.py").write_text("")
    (tmp_path / "new.py").write_text("")
    (tmp_path / "picture.png").write_bytes(b"\xff\xfe")
    assert [str(file.path) for file in tracked_files(tmp_path)] == [".gitignore", "new.py"]
