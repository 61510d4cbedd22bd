"""All mapped tables, for those who need the metadata whole: migrations, and mapper set-up."""

from __future__ import annotations

from app.access import models as access
from app.datasets import models as datasets
from app.db import Base
from app.estimates import models as audits
from app.evidence import models as evidence
from app.exports import models as exports
from app.gates import models as gates
from app.projects import models as projects
from app.reviews import models as reviews
from app.runs import models as runs
from app.scans import estimate_models as estimates
from app.scans import models as scans
from app.signing import models as signing
from app.uploads import models as uploads
from app.webhooks import models as webhooks

__all__ = [
    "access",
    "audits",
    "datasets",
    "estimates",
    "evidence",
    "exports",
    "gates",
    "metadata",
    "projects",
    "reviews",
    "runs",
    "scans",
    "signing",
    "uploads",
    "webhooks",
]

metadata = Base.metadata
