"""Signing in at a real server: cookies, tokens of forms, roles, limits, OIDC, commands."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from people import PASSWORD, add, link_for, post, signed_in, token_of, visitor
from running import ostraka
from serving import free_port, make_key, start_server

from ostraka.access import people
from ostraka.access.keys import Scope
from ostraka.access.roles import Role
from ostraka.storage.database import Database


@dataclass(frozen=True)
class Staffed:
    """A server, its database and its provider."""

    address: str
    database_url: str
    provider: str

    def browser(self, who: str) -> closing[httpx.Client]:
        return closing(signed_in(self.address, self.database_url, who))

    def say(self, **said: object) -> None:
        httpx.post(f"{self.provider}/say", json=said).raise_for_status()


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    pytest.importorskip("authlib", reason="needs the oidc extra")
    port = free_port()
    program = Path(__file__).parent / "oidc_provider.py"
    process = subprocess.Popen([sys.executable, str(program), str(port)])
    address = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            httpx.get(f"{address}/keys")
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Staffed]:
    folder = tmp_path_factory.mktemp("staffed")
    url = f"sqlite:///{folder / 'ostraka.db'}"
    add(url, "root", Role.ADMIN, PASSWORD)
    for role in Role:
        add(url, f"{role}@example.org", role)
    process, address = start_server(
        folder,
        data_dir=str(folder),
        sign_in_attempts="3",
        oidc_issuer=provider,
        oidc_client_id="ostraka",
        oidc_client_secret="the provider's secret",
    )
    yield Staffed(address, url, provider)
    process.terminate()
    process.wait(20)


def test_a_password_signs_in_with_a_guarded_cookie(staffed: Staffed) -> None:
    with visitor(staffed.address) as client:
        answer = client.get("/people/keys?x=1")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/sign-in?next=%2Fpeople%2Fkeys%3Fx%3D1"
        answer = post(client, "/sign-in", name=" ROOT ", password=PASSWORD, next="/people/keys")
        assert (answer.status_code, answer.headers["location"]) == (303, "/people/keys")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
        assert client.get("/people/keys").status_code == 200
        assert client.get("/sign-in").headers["location"] == "/queue"
    database = Database.at(staffed.database_url)
    with closing(database), database.reading() as session:
        kept = str(session.connection().exec_driver_sql("SELECT * FROM sessions").all())
    token = re.search("ostraka_session=([^;]+)", cookie)
    assert token and token[1] not in kept


def test_over_https_the_cookie_is_for_this_host_alone(staffed: Staffed) -> None:
    headers = {"x-forwarded-proto": "https"}
    with visitor(staffed.address, headers=headers) as client:
        page = client.get("/sign-in")
        visit = page.headers["set-cookie"]
        assert visit.startswith("__Host-ostraka_visitor=") and "Secure" in visit
        # httpx keeps secure cookies from plain addresses, as it should.
        answer = client.post(
            "/sign-in",
            data={"form_token": token_of(page), "name": "root", "password": PASSWORD},
            headers={"cookie": visit.partition(";")[0]},
        )
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-ostraka_session=") and "Secure" in cookie
        plain = cookie.partition(";")[0].replace("__Host-", "")
        answer = client.get("/settings", headers={"cookie": plain})
        assert answer.status_code == 303


def test_a_link_survives_being_looked_at_and_works_once(staffed: Staffed) -> None:
    link = link_for(staffed.database_url, "root")
    with visitor(staffed.address) as client:
        for _ in range(2):
            assert "signs you in as" in client.get(link).text
        assert client.get("/settings").status_code == 303
        assert post(client, link).status_code == 303
        assert client.get("/settings").status_code == 200
    with visitor(staffed.address) as client:
        answer = client.get(link)
        assert answer.status_code == 404
        assert "was used, has expired" in answer.text


def test_forms_without_their_token_change_nothing(staffed: Staffed) -> None:
    with staffed.browser("root") as client, visitor(staffed.address) as other:
        foreign = token_of(other.get("/sign-in"))
        for fields in ({}, {"form_token": foreign}, {"form_token": "x"}):
            answer = client.post("/people", data={"name": "mallory", "role": "admin", **fields})
            assert answer.status_code == 403
            assert "no longer valid" in answer.text
        answer = client.post(
            "/people",
            data={"form_token": token_of(client.get("/people"))},
            headers={"sec-fetch-site": "cross-site"},
        )
        assert answer.status_code == 400
        assert "mallory" not in client.get("/people").text
        # Signing in, too: nobody is to be signed in as somebody else unawares.
        answer = other.post("/sign-in", data={"name": "root", "password": PASSWORD})
        assert answer.status_code == 403


def test_every_role_sees_its_pages_and_no_others(staffed: Staffed) -> None:
    for role, sees, refused in (
        (Role.REVIEWER, "/settings", ("/people", "/training")),
        (Role.ML_ENGINEER, "/training", ("/people",)),
        (Role.ADMIN, "/people", ()),
    ):
        with staffed.browser(f"{role}@example.org") as client:
            page = client.get(sees)
            assert page.status_code == 200
            for path in refused:
                answer = client.get(path)
                assert answer.status_code == 403
                assert "your role is" in answer.text
                assert f'href="{path}"' not in page.text
    with staffed.browser("reviewer@example.org") as client:
        answer = client.post("/people", data={"name": "mallory", "role": "admin"})
        assert answer.status_code == 403


def test_the_api_takes_sessions_with_the_token_and_the_vendors_doors_do_not(
    staffed: Staffed,
) -> None:
    with staffed.browser("policy_owner@example.org") as client:
        token = token_of(client.get("/settings"))
        assert client.get("/api/audit").status_code != 403
        assert client.get("/api/webhooks").status_code == 403
        assert client.post("/api/policies").status_code == 403
        answer = client.post("/api/policies", headers={"x-form-token": token})
        assert answer.status_code not in (401, 403)
        answer = client.post("/v1/moderations", json={"input": "Hello."})
        assert answer.status_code == 401
    assert httpx.get(f"{staffed.address}/api/audit").status_code == 401


def test_a_role_and_its_end_count_at_once(staffed: Staffed) -> None:
    add(staffed.database_url, "brief@example.org", Role.LEAD)
    database = Database.at(staffed.database_url)
    with closing(database), staffed.browser("brief@example.org") as client:
        assert client.get("/training").status_code == 403
        with database.writing() as session:
            people.set_role(session, "brief@example.org", Role.ML_ENGINEER, datetime.now(UTC))
        assert client.get("/training").status_code == 200
        with database.writing() as session:
            people.disable(session, "brief@example.org", datetime.now(UTC))
        answer = client.get("/training")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/sign-in?next=%2Ftraining",
        )


def test_sessions_are_listed_and_ended_at_once(staffed: Staffed) -> None:
    with staffed.browser("lead@example.org") as one, staffed.browser("lead@example.org") as two:
        page = one.get("/settings").text
        assert page.count("This one") == 1
        [other] = re.findall(r'action="(/settings/sessions/session_[^"]+/end)"', page)
        assert post(one, other, page="/settings").status_code == 303
        assert two.get("/settings").status_code == 303
        assert post(one, "/sign-out", page="/settings").status_code == 303
        assert one.get("/settings").status_code == 303
    with staffed.browser("reviewer@example.org") as stranger:
        token = token_of(stranger.get("/settings"))
        assert stranger.post(other, data={"form_token": token}).status_code == 404


def test_keys_are_made_on_the_page_and_count_at_once(staffed: Staffed) -> None:
    with staffed.browser("root") as client:
        fields = {"name": "forum", "scope.moderate": "on", "expires": "30d"}
        answer = post(client, "/people/keys", **fields)
        secret = re.search(r"ost-[\w-]+", answer.text)
        assert secret
        headers = {"authorization": f"Bearer {secret[0]}"}

        def judged() -> int:
            body = {"input": "Hello."}
            return httpx.post(
                f"{staffed.address}/v1/moderations", json=body, headers=headers
            ).status_code

        assert judged() == 200
        page = client.get("/people/keys").text
        assert secret[0] not in page
        [revoke] = re.findall(r'action="(/people/keys/key_[^"]+/revoke)"', page)
        assert post(client, revoke, page="/people/keys").status_code == 303
        assert judged() == 401
        answer = post(client, "/people/keys", name="nothing")
        assert answer.status_code == 400
        assert "at least one scope" in answer.text


def test_a_changed_password_ends_other_sessions(staffed: Staffed) -> None:
    add(staffed.database_url, "careful@example.org", Role.REVIEWER)
    with (
        staffed.browser("careful@example.org") as one,
        staffed.browser("careful@example.org") as two,
    ):
        answer = post(one, "/settings/password", page="/settings", password="short")
        assert answer.status_code == 400
        answer = post(one, "/settings/password", page="/settings", password=PASSWORD)
        assert answer.status_code == 303
        assert one.get("/settings").status_code == 200
        assert two.get("/settings").status_code == 303
        answer = post(one, "/settings/password", page="/settings", password=PASSWORD + "!")
        assert "not your current password" in answer.text


def test_oidc_signs_in_who_was_added_and_nobody_else(staffed: Staffed) -> None:
    add(staffed.database_url, "provided@example.org", Role.REVIEWER)

    def through() -> httpx.Response:
        with visitor(staffed.address, follow_redirects=True) as client:
            return client.get("/sign-in/oidc?next=/settings")

    verified = {"email": "provided@example.org", "email_verified": True}
    for said, words in (
        ({"claims": {"email": "provided@example.org"}}, "address is verified"),
        ({"claims": verified | {"email": "x@example.org"}}, "Ask an admin"),
        ({"claims": verified, "foreign_key": True}, "did not succeed"),
        ({"claims": verified | {"aud": "another"}}, "did not succeed"),
        ({"claims": verified | {"nonce": "another"}}, "did not succeed"),
        ({"claims": verified | {"exp": 1}}, "did not succeed"),
        ({"claims": verified | {"iss": "http://evil.example"}}, "did not succeed"),
        ({"claims": verified, "state": "another"}, "another attempt"),
        ({"error": "access_denied"}, "The provider refused: access_denied"),
    ):
        staffed.say(**said)
        answer = through()
        assert words in answer.text, said
        assert answer.status_code >= 400
    staffed.say(claims=verified)
    answer = through()
    assert answer.url.path == "/settings"
    assert "provided@example.org" in answer.text
    # From now on the subject counts, whatever the address is; here it stands on another page.
    staffed.say(me={"email": "renamed@example.org", "email_verified": True})
    assert "provided@example.org" in through().text
    with closing(Database.at(staffed.database_url)) as database, database.writing() as session:
        people.disable(session, "provided@example.org", datetime.now(UTC))
    assert "You were disabled here" in through().text
    answer = httpx.get(f"{staffed.address}/sign-in/oidc/back?code=x&state=y")
    assert "did not set out" in answer.text


def test_guessing_ends_soon(staffed: Staffed) -> None:
    with visitor(staffed.address) as client:
        for name in ("reviewer@example.org", "nobody@example.org"):
            for _ in range(3):
                answer = post(client, "/sign-in", name=name, password="wrong")
                assert answer.status_code == 401
                assert "do not fit together" in answer.text
            answer = post(client, "/sign-in", name=name, password="wrong")
            assert answer.status_code == 429
            assert "Too many attempts" in answer.text
            assert int(answer.headers["retry-after"]) > 60


# Doors that open and close


def test_an_open_console_closes_with_its_first_person(tmp_path: Path) -> None:
    process, address = start_server(tmp_path)
    try:
        with visitor(address) as client:
            assert client.get("/people").status_code == 200
            # Another site's name that leads here is not this machine.
            answer = client.get("/people", headers={"host": "evil.example"})
            assert answer.status_code == 401
            answer = post(client, "/people", name="grace", role="reviewer")
            assert "first person needs the role admin" in answer.text
            answer = post(client, "/people", name="ada", role="admin")
            link = re.search(r"/sign-in/link/[\w-]+", answer.text)
            assert link and "From now on this console asks" in answer.text
            assert client.get("/people").status_code == 303
            assert client.post("/v1/moderations", json={"input": "a"}).status_code == 401
            assert post(client, link[0]).status_code == 303
            assert client.get("/people").status_code == 200
    finally:
        process.terminate()
        process.wait(20)


def test_a_server_that_nobody_can_sign_in_to_prints_one_link(tmp_path: Path) -> None:
    make_key(f"sqlite:///{tmp_path / '.ostraka' / 'ostraka.db'}", Scope.MODERATE)
    log = tmp_path / "log"
    with log.open("wb") as written:
        process, address = start_server(tmp_path, log=written)
    try:
        link = re.search(r"/sign-in/first/[\w-]+", log.read_text())
        assert link
        with visitor(address) as client:
            assert client.get("/people").status_code == 401
            assert client.get("/sign-in/first/guessed").status_code == 404
            assert post(client, link[0], name="ada", password="short").status_code == 400
            answer = post(client, link[0], name="ada", password=PASSWORD)
            assert (answer.status_code, answer.headers["location"]) == (303, "/people")
            assert client.get("/people").status_code == 200
            assert client.get(link[0]).status_code == 404
    finally:
        process.terminate()
        process.wait(20)


def test_commands_add_change_and_list(tmp_path: Path) -> None:
    none = ostraka(tmp_path, "people", "list")
    assert "Nobody was added yet" in none.stdout
    refused = ostraka(tmp_path, "people", "add", "ada")
    assert refused.returncode == 2
    assert "first person needs the role admin" in refused.stderr
    made = ostraka(tmp_path, "people", "add", "ada", "--role", "admin")
    assert re.match(r"http://127.0.0.1:8000/sign-in/link/[\w-]{40,}\n", made.stdout)
    assert "signs in" in made.stderr
    made = ostraka(
        tmp_path, "people", "add", "grace", "--json", OSTRAKA_PUBLIC_URL="https://m.example/"
    )
    card = json.loads(made.stdout)
    assert card["link"].startswith("https://m.example/sign-in/link/")
    assert card["role"] == "reviewer"
    changed = ostraka(tmp_path, "people", "role", "grace", "lead", "--json")
    assert json.loads(changed.stdout)["role"] == "lead"
    changed = ostraka(tmp_path, "people", "password", card["id"], stdin=f"{PASSWORD}\n")
    assert "signs in with password" in changed.stdout
    assert "grace is disabled" in ostraka(tmp_path, "people", "disable", "grace").stdout
    assert "is disabled; enable" in ostraka(tmp_path, "people", "link", "grace").stderr
    assert "grace is active" in ostraka(tmp_path, "people", "enable", "grace").stdout
    assert "links alone" in ostraka(tmp_path, "people", "password", "grace", "--remove").stdout
    assert "/sign-in/link/" in ostraka(tmp_path, "people", "link", "grace").stdout
    assert "last admin" in ostraka(tmp_path, "people", "disable", "ada").stderr
    listed = ostraka(tmp_path, "people", "list")
    assert "ada" in listed.stdout and "lead" in listed.stdout
    assert PASSWORD not in listed.stdout
