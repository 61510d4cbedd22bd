"""Signed-in browsers: how a session begins, whose it is, how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.access import queries
from app.access.errors import LinkSpent, NotSignedIn
from app.access.keys import key_label, live_key
from app.access.models import BrowserSession, PrincipalKind, Role, SignInMethod
from app.access.people import person_label
from app.access.queries import Place
from app.access.service import Caller, audit, no_such_project
from app.access.tokens import new_token, token_hash
from app.access.visitor import Visitor
from app.db import now

SESSION_TTL = timedelta(hours=12)
# So long it is known where somebody was last; then their old sessions go, as they sign in again.
_REMEMBERED = timedelta(days=90)


@dataclass(frozen=True)
class SignedIn:
    """Whose browser it is, before a project is chosen."""

    session_id: UUID
    csrf_token: str
    principal_id: UUID
    kind: PrincipalKind
    name: str
    label: str
    places: tuple[Place, ...]
    """Where they may go, by project's name."""
    home_id: UUID | None
    """The project they were sent to, or went to last."""
    begun_by: SignInMethod
    has_password: bool
    read_only: bool
    email: str | None

    def in_project(self, project: str) -> Caller:
        """Raises ProjectNotFound: it is none of theirs, or there is none."""
        for place in self.places:
            if place.project_name == project:
                return self._at(place)
        raise no_such_project(project, tuple(place.project_name for place in self.places))

    def at_home(self) -> Caller | None:
        """In the project where the session began, else in any; None without a project."""
        for place in self.places:
            if place.project_id == self.home_id:
                return self._at(place)
        return self._at(self.places[0]) if self.places else None

    def _at(self, place: Place) -> Caller:
        return Caller(
            place.project_id,
            place.project_name,
            Role(place.role),
            self.label,
            principal_id=self.principal_id,
            name=self.name,
            kind=self.kind,
            session_id=self.session_id,
            csrf_token=self.csrf_token,
            read_only=self.read_only,
            projects=tuple(each.project_name for each in self.places),
        )


def session_by_cookie(db: Session, secret: str) -> SignedIn | None:
    row = queries.live_session(db, token_hash(secret), now())
    if row is None:
        return None
    kind = PrincipalKind(row.kind)
    if kind is PrincipalKind.key:
        label = key_label(row.name, row.principal_id)
    else:
        label = person_label(row.name, row.email)
    return SignedIn(
        session_id=row.session_id,
        csrf_token=row.csrf_token,
        principal_id=row.principal_id,
        kind=kind,
        name=row.name,
        label=label,
        places=queries.places_of(db, row.principal_id, kind),
        home_id=row.project_id,
        begun_by=SignInMethod(row.begun_by),
        has_password=row.has_password,
        read_only=row.read_only,
        email=row.email,
    )


def sign_in_with_key(db: Session, secret: str, visitor: Visitor) -> str:
    """Begin a browser session; returns the cookie's value.

    Raises:
        NotSignedIn: the key is unknown, expired or revoked.
    """
    key = live_key(db, secret)
    if key is None:
        raise NotSignedIn(
            "That API key is unknown, expired or revoked.",
            field="api_key",
            remedy="Check for a missing character, or make a key: cleantrace keys create.",
        )
    return begin_session(db, key.id, key.project_id, SignInMethod.key, visitor)


def sign_in_with_link(db: Session, secret: str, visitor: Visitor) -> str:
    """Begin a browser session; returns the cookie's value.

    Raises:
        LinkSpent: the link was used before, is unknown or too old.
    """
    link = queries.spend_link(db, token_hash(secret), now())
    if link is None:
        raise LinkSpent(
            "This sign-in link was used before, or is too old.",
            remedy="Sign in another way, or start `cleantrace up` again for a new link.",
        )
    return begin_session(db, link.person_id, link.project_id, SignInMethod.link, visitor)


def begin_session(
    db: Session,
    principal_id: UUID,
    project_id: UUID | None,
    method: SignInMethod,
    visitor: Visitor,
) -> str:
    """A session with a new secret; whatever session the browser held before ends.

    So nobody can plant a session that another then signs in to. Returns the cookie's value.
    """
    if visitor.session is not None:
        queries.end_session_by_secret(db, token_hash(visitor.session), now())
    queries.drop_old_sessions(db, principal_id, now() - _REMEMBERED)
    secret = new_token()
    db.add(
        BrowserSession(
            principal_id=principal_id,
            project_id=project_id,
            secret_hash=token_hash(secret),
            csrf_token=new_token(),
            begun_by=method.value,
            address=visitor.address,
            user_agent=visitor.user_agent,
            expires_at=now() + SESSION_TTL,
        )
    )
    db.flush()
    begun = session_by_cookie(db, secret)
    assert begun is not None
    caller = begun.at_home()
    if caller is not None:
        audit(db, caller, "sign_in", f"session {begun.session_id}", method=method.value)
    return secret


def sign_out(db: Session, signed_in: SignedIn) -> None:
    queries.end_session(db, signed_in.session_id, now())
    caller = signed_in.at_home()
    if caller is not None:
        audit(db, caller, "sign_out", f"session {signed_in.session_id}")
