"""Every SQL statement about people and their memberships."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access.models import Membership, Person


def local_owner_id(db: Session) -> uuid.UUID | None:
    return db.scalar(select(Person.id).where(Person.is_local_owner))


def membership(db: Session, person_id: uuid.UUID, project_id: uuid.UUID) -> Membership | None:
    return db.get(Membership, (person_id, project_id))
