"""People, passwords, links and sessions, on both databases."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from people import NOON, PASSWORD

from ostraka.access import people
from ostraka.access.attempts import NETWORK_FACTOR, WINDOW, Attempts
from ostraka.access.browser import find_cookie, form_token, is_form_token
from ostraka.access.keys import Scope
from ostraka.access.links import UsedLinkError, look_at_link, make_link, use_link
from ostraka.access.passwords import hash_password, is_outdated, is_password
from ostraka.access.person import new_pseudonym
from ostraka.access.roles import PAGES, RIGHTS, Right, Role, is_page, right_of
from ostraka.access.sessions import (
    begin_session,
    find_session,
    note_seen,
    open_sessions,
    revoke_session,
    revoke_sessions,
)
from ostraka.access.store import create_key, revoke_key
from ostraka.console.people.handling import safe_target
from ostraka.console.preferences import Preferences
from ostraka.console.shortcuts import SHORTCUTS, check_keys, keys_with
from ostraka.errors import ConflictError, InvalidInputError, NotFoundError, RateLimitError
from ostraka.storage import audit
from ostraka.storage.database import Database

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.at(database_url)
    yield database
    database.close()


def added(database: Database, name: str = "Ada", role: Role = Role.ADMIN) -> str:
    with database.writing() as session:
        return people.add_person(session, name, role, NOON).id


def test_the_first_person_is_an_admin_and_the_last_admin_stays(database: Database) -> None:
    with pytest.raises(InvalidInputError, match="first person needs the role admin"):
        added(database, role=Role.REVIEWER)
    first = added(database)
    for lose in (
        lambda session: people.disable(session, first, NOON),
        lambda session: people.set_role(session, first, Role.LEAD, NOON),
    ):
        with pytest.raises(ConflictError, match="last admin"), database.writing() as session:
            lose(session)
    added(database, "Grace")
    with database.writing() as session:
        assert people.set_role(session, first, Role.LEAD, NOON).role is Role.LEAD
        assert not people.find_person(session, "ada").may(Right.ADMINISTER)


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 201])
def test_names_are_checked(database: Database, name: str) -> None:
    with pytest.raises(InvalidInputError, match="1 to 200 printable") as caught:
        added(database, name)
    assert caught.value.field == "name"


def test_names_are_taken_once_however_they_are_written(database: Database) -> None:
    added(database, "Ada@Example.org")
    with pytest.raises(ConflictError, match="already called"):
        added(database, " ada@example.ORG ")
    with database.reading() as session:
        assert people.find_person(session, "ADA@example.org").name == "Ada@Example.org"
        with pytest.raises(NotFoundError, match="Nobody is called"):
            people.find_person(session, "grace")


def test_pseudonyms_are_distinct(database: Database) -> None:
    for number in range(30):
        added(database, f"person {number}")
    with database.reading() as session:
        everybody = people.all_people(session)
        names = people.pseudonyms(session, {person.id for person in everybody})
    assert len(set(names.values())) == 30
    assert not any(person.name in person.pseudonym for person in everybody)


def test_scarce_pseudonyms_get_a_number() -> None:
    assert new_pseudonym(lambda words: not words.endswith("2"), lambda each: each[0]) == (
        "Amber Badger 2"
    )


def test_passwords(database: Database) -> None:
    person = added(database)
    for bad, words in (
        ("short", "12 to 200"),
        ("x" * 201, "12 to 200"),
        ("aaaabbbbaaaabbbb", "too easy"),
    ):
        with pytest.raises(InvalidInputError, match=words), database.writing() as session:
            people.set_password(session, person, bad, NOON)
    with database.writing() as session:
        assert people.set_password(session, person, PASSWORD, NOON).has_password
        assert people.has_password(session, person, PASSWORD)
        assert not people.has_password(session, person, PASSWORD + " ")
        people.renew_hash(session, person, PASSWORD)
    with database.reading() as session:
        assert people.password_of(session, "ADA")[0] == person
        assert people.password_of(session, "nobody") == (None, None)


def test_a_password_is_kept_as_argon2id_and_nobody_has_none() -> None:
    kept = hash_password(PASSWORD)
    assert kept.startswith("$argon2id$")
    assert hash_password(PASSWORD) != kept
    assert is_password(kept, PASSWORD)
    assert not is_password(kept, "x" * 100_000)
    assert not is_password(None, "nobody has this password")
    assert not is_password("no hash at all", PASSWORD)
    assert not is_outdated(kept)
    assert is_outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aHVoaHVoaHVoaHVoaHVo")


def test_a_link_works_once_and_not_after_its_time(database: Database) -> None:
    person = added(database)
    with database.writing() as session:
        _, older, _ = make_link(session, person, NOON, DAY)
        _, token, until = make_link(session, "ada", NOON, DAY)
    assert until == NOON + DAY
    with database.reading() as session:
        assert look_at_link(session, token, NOON).id == person
        for wrong, moment in ((older, NOON), (token, NOON + DAY), ("", NOON), (token[:-1], NOON)):
            with pytest.raises(UsedLinkError):
                look_at_link(session, wrong, moment)
    with database.writing() as session:
        assert use_link(session, token, NOON).id == person
    with pytest.raises(UsedLinkError), database.writing() as session:
        use_link(session, token, NOON)


def test_of_many_that_use_a_link_at_once_one_does(database: Database) -> None:
    person = added(database)
    with database.writing() as session:
        _, token, _ = make_link(session, person, NOON, DAY)
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def use() -> None:
        start.wait()
        try:
            with database.writing() as session:
                use_link(session, token, NOON)
            outcomes.append("in")
        except UsedLinkError:
            outcomes.append("refused")

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in"] + ["refused"] * 7


def test_a_session_ends_idle_in_time_revoked_and_with_its_person(database: Database) -> None:
    added(database, "Root")
    person = added(database)

    def begun() -> str:
        with database.writing() as session:
            return begin_session(session, person, "Firefox\n", NOON, 7 * DAY)

    def found(token: str, after: timedelta) -> bool:
        with database.reading() as session:
            return find_session(session, token, NOON + after, HOUR) is not None

    token = begun()
    assert found(token, timedelta())
    assert not found(token + "x", timedelta())
    assert found(token, timedelta(minutes=59))
    assert not found(token, HOUR)
    with database.writing() as session:
        signed_in = find_session(session, token, NOON + HOUR / 2, HOUR)
        assert signed_in is not None
        assert signed_in.is_stale
        note_seen(session, signed_in.session_id, NOON + HOUR / 2)
        note_seen(session, signed_in.session_id, NOON)
    assert found(token, HOUR * 1.4)
    with database.writing() as session:
        note_seen(session, signed_in.session_id, NOON + 7 * DAY - HOUR / 2)
    assert not found(token, 7 * DAY)

    first, second = begun(), begun()
    with database.writing() as session:
        [one, *_] = open_sessions(session, [person], NOON, HOUR)
        assert one.browser == "Firefox"
        with pytest.raises(NotFoundError):
            revoke_session(session, "person_other", one.id, NOON)
        here = find_session(session, second, NOON, HOUR)
        assert here is not None
        revoke_sessions(session, person, NOON, but=here.session_id)
    assert not found(first, timedelta())
    assert found(second, timedelta())
    with database.writing() as session:
        _, link, _ = make_link(session, person, NOON, DAY)
        assert people.disable(session, person, NOON).disabled_at == NOON
    assert not found(second, timedelta())
    with database.writing() as session:
        people.enable(session, person, NOON)
        with pytest.raises(UsedLinkError):
            use_link(session, link, NOON)
    assert not found(second, timedelta())


def test_who_a_provider_names_is_found_bound_or_added(database: Database) -> None:
    added(database, "Root")
    person = added(database, "ada@example.org", Role.REVIEWER)
    with database.writing() as session:
        by_mail = people.find_by_oidc(session, "issuer 1", "Ada@example.org", None, NOON)
        assert by_mail.id == person
        assert people.find_by_oidc(session, "issuer 1", None, None, NOON).id == person
        with pytest.raises(NotFoundError, match="another account"):
            people.find_by_oidc(session, "issuer 2", "ada@example.org", Role.ADMIN, NOON)
        with pytest.raises(NotFoundError, match="Ask an admin"):
            people.find_by_oidc(session, "issuer 3", "new@example.org", None, NOON)
        with pytest.raises(NotFoundError, match="verified"):
            people.find_by_oidc(session, "issuer 3", None, Role.REVIEWER, NOON)
        new = people.find_by_oidc(session, "issuer 3", "new@example.org", Role.REVIEWER, NOON)
        assert new.role is Role.REVIEWER
        people.disable(session, new.id, NOON)
        with pytest.raises(NotFoundError):
            people.find_by_oidc(session, "issuer 3", "new@example.org", Role.REVIEWER, NOON)


# Without a database


def test_attempts_are_counted_by_name_and_by_network() -> None:
    moment = [0.0]
    attempts = Attempts(3, lambda: moment[0])
    for _ in range(3):
        attempts.check("ada", "1.2.3.4")
        attempts.fail("Ada", "1.2.3.4")
    with pytest.raises(RateLimitError, match="Wait 10 min") as caught:
        attempts.check("ADA", "1.2.3.4")
    assert caught.value.retry_after == WINDOW
    attempts.check("ada", "5.6.7.8")
    attempts.check("grace", "1.2.3.4")
    attempts.check("", "1.2.3.4")
    for number in range(3 * NETWORK_FACTOR - 3):
        attempts.fail(f"guess {number}", "1.2.3.4")
    with pytest.raises(RateLimitError):
        attempts.check("grace", "1.2.3.4")
    moment[0] = WINDOW
    attempts.check("ada", "1.2.3.4")


def test_success_forgets_failures_of_the_name() -> None:
    attempts = Attempts(1, lambda: 0.0)
    attempts.fail("ada", "here")
    attempts.succeed("ada", "here")
    attempts.check("ada", "here")


def test_every_role_keeps_to_its_table() -> None:
    assert set(RIGHTS) == set(Role)
    assert RIGHTS[Role.ADMIN] == frozenset(Right)
    for role in Role:
        assert {Right.OWN_SETTINGS, Right.MODERATE} <= role.rights
        assert role.may(Right.ADMINISTER) == (role is Role.ADMIN)
        assert role.purpose
    assert all(right.meaning for right in Right)
    assert not Role.REVIEWER.may(Right.CHANGE_POLICIES)
    assert not Role.POLICY_OWNER.may(Right.REVIEW)
    assert {path for path, _, _ in PAGES} >= {"/queue", "/items", "/policies", "/people"}


@pytest.mark.parametrize(
    ("path", "method", "right"),
    [
        ("/policies", "GET", Right.READ_POLICIES),
        ("/policies/x", "POST", Right.CHANGE_POLICIES),
        ("/api/policies", "HEAD", Right.READ_POLICIES),
        ("/api/policies/x/activate", "POST", Right.CHANGE_POLICIES),
        ("/api/decisions/bulk/preview", "POST", Right.CHANGE_ITEMS),
        ("/api/decisions/x/undo", "POST", Right.REVIEW),
        ("/api/items/x", "DELETE", Right.CHANGE_ITEMS),
        ("/api/webhooks", "GET", Right.ADMINISTER),
        ("/people", "GET", Right.ADMINISTER),
        ("/peoples", "GET", Right.ADMINISTER),
        ("/v1/files", "GET", Right.ADMINISTER),
        ("/anything/new", "GET", Right.ADMINISTER),
    ],
)
def test_paths_need_rights_and_unknown_ones_an_admin(path: str, method: str, right: Right) -> None:
    assert right_of(path, method) is right


def test_pages_are_known_by_whole_names() -> None:
    assert is_page("/queue") and is_page("/queue/x")
    assert not is_page("/queues")


SECRETS = st.text(st.characters(exclude_characters="\0"))
"""HMAC fills keys up with zeros: one that ends in them is another's twin, and none is made so."""


@given(SECRETS, SECRETS)
def test_a_form_token_fits_its_secret_alone(secret: str, other: str) -> None:
    assert is_form_token(form_token(secret), secret)
    assert is_form_token(form_token(secret), other) == (
        secret.encode("utf-8", "replace") == other.encode("utf-8", "replace")
    )
    assert not is_form_token(other, secret) or other == form_token(secret)


def test_cookies_are_found_among_others() -> None:
    headers = [(b"host", b"x"), (b"cookie", b"a=1; ostraka_session=abc=; b"), (b"cookie", b"c=3")]
    assert find_cookie(headers, "ostraka_session") == "abc="
    assert find_cookie(headers, "c") == "3"
    assert find_cookie(headers, "b") is None


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("/queue?next=1", True),
        ("", False),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
        ("javascript:alert(1)", False),
        ("/a\nb", False),
        ("/a\\b", False),
    ],
)
def test_one_is_only_led_on_within_the_server(target: str, safe: bool) -> None:
    assert safe_target(target) == (target if safe else "")


def test_keys_are_single_distinct_and_not_the_fixed_ones() -> None:
    assert check_keys({}) == {}
    assert check_keys({"approve": "q"}) == {"approve": "q"}
    assert keys_with({"approve": "q"})["approve"] == "q"
    for wanted, words in (
        ({"approve": "g"}, "needs a single"),
        ({"approve": "qq"}, "needs a single"),
        ({"approve": "2"}, "cannot both have"),
    ):
        with pytest.raises(InvalidInputError, match=words) as caught:
            check_keys(wanted)
        assert (caught.value.field or "").startswith("key.")
    keys = [shortcut.key for shortcut in SHORTCUTS]
    assert len(set(keys)) == len(keys)


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda t: st.dictionaries(st.text(), t)))
def test_preferences_survive_whatever_was_kept(kept: object) -> None:
    found = Preferences.of(kept if isinstance(kept, dict) else {})
    assert Preferences.of(found.as_dict()) == found


def test_the_audit_log_keeps_who_may_do_what_and_names_nobody(database: Database) -> None:
    root, ada = added(database, "Root"), added(database, "ada@example.org", Role.REVIEWER)
    with database.writing() as session:
        people.set_role(session, ada, Role.LEAD, NOON, by=root)
        people.set_role(session, ada, Role.LEAD, NOON, by=root)  # changes nothing
        people.set_password(session, ada, PASSWORD, NOON, by=ada)
        make_link(session, ada, NOON, DAY, by=root)
        for _ in range(2):
            begin_session(session, ada, "Firefox", NOON, DAY)
        [one, _] = open_sessions(session, [ada], NOON, HOUR)
        revoke_session(session, ada, one.id, NOON, by=ada)
        revoke_sessions(session, ada, NOON, by=root)
        revoke_sessions(session, ada, NOON, by=root)  # nobody is there any more
        people.disable(session, ada, NOON, by=root)
        people.enable(session, ada, NOON, by=root)
        bound = people.find_by_oidc(session, "issuer 1", "new@example.org", Role.LEAD, NOON)
        key, secret = create_key(session, "forum", [Scope.REVIEW], NOON, DAY, by=root)
        for _ in range(2):
            revoke_key(session, key.id, NOON, by=root)
    with database.reading() as session:
        entries = list(audit.every_entry(session))
    assert [(each.act, each.actor, each.subject) for each in entries] == [
        ("person.added", "local", root),
        ("person.added", "local", ada),
        ("person.role_changed", root, ada),
        ("person.password_set", ada, ada),
        ("person.link_made", root, ada),
        ("session.revoked", ada, one.id),
        ("session.revoked", root, ada),
        ("person.disabled", root, ada),
        ("person.enabled", root, ada),
        ("person.added", bound.id, bound.id),
        ("key.created", root, key.id),
        ("key.revoked", root, key.id),
    ]
    assert entries[2].detail == {"before": "reviewer", "after": "lead"}
    assert entries[6].detail == {"person": ada, "sessions": 1}
    written = json.dumps([each.detail for each in entries])
    assert not any(hidden in written for hidden in ("example.org", PASSWORD, secret))
