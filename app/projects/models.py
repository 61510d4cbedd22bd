from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, id_column, now


class Project(Base):
    """The tenancy boundary: everything else belongs to one project."""

    __tablename__ = "projects"

    id: Mapped[uuid.UUID] = id_column()
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
