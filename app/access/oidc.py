"""Signing in through a provider: who its people are here, and who may come.

A provider vouches for an address only where it says that the address is verified. It lets in:
whoever it let in before; a person whose address an admin named; whoever is invited, by address or
by the link that they came from; and people of the domains that the operator allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.access import invitations, oidc_queries, people, people_queries, provider
from app.access.errors import InvitationSpent, PersonInvalid, ProviderRefused
from app.access.models import OidcFlow, Role, SignInMethod
from app.access.provider import Claims
from app.access.service import audit_person
from app.access.sessions import session_by_cookie
from app.access.sign_in import Begun, begin_person
from app.access.tokens import new_token, token_hash
from app.access.visitor import Visitor
from app.db import now, transaction
from app.projects.service import ensure_project
from app.settings import settings

FLOW_TTL = timedelta(minutes=10)
_INVITATION = "/invitations/"


@dataclass(frozen=True)
class Left:
    """Where the browser goes, and the cookie that it must bring back."""

    url: str
    cookie: str


@dataclass(frozen=True)
class _Offer:
    """A project that somebody may join, by an invitation or by their address's domain."""

    project_id: UUID
    role: Role
    invitation_id: UUID | None = None


def leave(following: str) -> Left:
    """Send a browser to the provider. Raises ProviderUnavailable."""
    departure = provider.depart()
    cookie = new_token()
    with transaction() as db:
        oidc_queries.drop_expired_flows(db, now())
        db.add(
            OidcFlow(
                state_hash=token_hash(departure.state),
                browser_hash=token_hash(cookie),
                nonce=departure.nonce,
                code_verifier=departure.code_verifier,
                following=following,
                expires_at=now() + FLOW_TTL,
            )
        )
    return Left(departure.url, cookie)


def come_back(*, code: str, state: str, cookie: str | None, visitor: Visitor) -> tuple[Begun, str]:
    """Sign in whom the provider names; returns the session and where to go on.

    Raises:
        ProviderRefused: not the browser that left, an answer that is not valid, or nobody who
            may come in.
        ProviderUnavailable: the provider does not answer.
    """
    with transaction() as db:
        flow = oidc_queries.take_flow(db, token_hash(state), token_hash(cookie or ""), now())
    if flow is None:
        raise ProviderRefused(
            "This sign-in was not begun in this browser, was finished, or took too long.",
            remedy="Begin again on the sign-in page.",
        )
    nonce, code_verifier, following = flow
    claims = provider.redeem(code, nonce=nonce, code_verifier=code_verifier)
    try:
        with transaction() as db:
            person_id, project_id = _admit(db, claims, following, visitor)
            oidc_queries.remember_identity(db, claims.issuer, claims.subject, person_id)
            begun = begin_person(db, person_id, project_id, SignInMethod.oidc, visitor)
    except IntegrityError as error:
        raise ProviderRefused(
            "You signed in twice at the same moment, and the other was first.",
            remedy="Begin again on the sign-in page.",
        ) from error
    return begun, "/" if following.startswith(_INVITATION) else following


def _admit(
    db: Session, claims: Claims, following: str, visitor: Visitor
) -> tuple[UUID, UUID | None]:
    """The person, made if need be, and the project that they have just joined, if any."""
    known = oidc_queries.person_id_of(db, claims.issuer, claims.subject)
    email = _verified_email(claims)
    if known is None and email is None:
        raise ProviderRefused(
            "The sign-in provider does not vouch for an e-mail address of yours.",
            remedy="Verify your address there, or sign in with a password.",
        )
    person_id = known or _person_of(db, email or "", visitor)
    offers = [] if email is None else _offers(db, email, following)
    if person_id is None:
        offers = offers or [_welcome(db, email or "")]
        person_id = people.add_person(
            db, name=_name(claims, email or ""), email=email, email_is_vouched=True
        ).id
    for offer in offers:
        _join(db, person_id, offer, claims)
    return person_id, offers[-1].project_id if offers else None


def _verified_email(claims: Claims) -> str | None:
    if not claims.email or not claims.email_is_verified:
        return None
    try:
        return people.checked_email(claims.email)
    except PersonInvalid:
        return None


def _person_of(db: Session, email: str, visitor: Visitor) -> UUID | None:
    """The account with the address, if it is known to be its holder's.

    Anybody may have typed an address that is not theirs. So an account that nobody vouched for is
    connected only in a browser where it is signed in.
    """
    person = people_queries.by_email(db, email)
    if person is None:
        return None
    signed_in = session_by_cookie(db, visitor.session) if visitor.session else None
    if person.email_is_vouched or (signed_in and signed_in.principal_id == person.id):
        return person.id
    raise ProviderRefused(
        "There is an account with your address that is not connected to the sign-in provider.",
        remedy="Sign in with its password, then sign in this way again: that connects both.",
    )


def _offers(db: Session, email: str, following: str) -> list[_Offer]:
    """What the address is invited to. The link that was followed comes last."""
    found = [
        _Offer(each.project_id, Role(each.role), each.id)
        for each in oidc_queries.open_invitations_to(db, email, now())
    ]
    if following.startswith(_INVITATION):
        try:
            link = invitations.look_at(db, following.removeprefix(_INVITATION))
        except InvitationSpent:
            return found
        if link.email is None:
            found.append(_Offer(link.project_id, Role(link.role), link.id))
    return found


def _welcome(db: Session, email: str) -> _Offer:
    """What somebody uninvited is offered. Raises ProviderRefused: nothing."""
    domain = email.rpartition("@")[2]
    if domain not in {each.lower() for each in settings().oidc_domains}:
        raise ProviderRefused(
            f"Nobody has invited {email} here.",
            remedy="Ask an admin of your project for an invitation to this address.",
        )
    project = ensure_project(db, settings().oidc_project)
    return _Offer(project.id, Role(settings().oidc_role))


def _name(claims: Claims, email: str) -> str:
    try:
        return people.checked_name(claims.name or "")
    except PersonInvalid:
        return email.partition("@")[0]


def _join(db: Session, person_id: UUID, offer: _Offer, claims: Claims) -> None:
    people.join(db, person_id, offer.project_id, offer.role)
    if offer.invitation_id is not None:
        invitations.spend(db, offer.invitation_id, person_id)
    audit_person(
        db,
        offer.project_id,
        person_id,
        people.person_label(_name(claims, claims.email or "someone"), _verified_email(claims)),
        "join",
        f"person {person_id}",
        role=offer.role.value,
        invitation=str(offer.invitation_id) if offer.invitation_id else None,
    )
