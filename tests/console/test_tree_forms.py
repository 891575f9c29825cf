"""Forms of the pages of trees as a browser without JavaScript sends them, good and bad."""

import re
from collections.abc import Iterator

import httpx
import pytest
from reviewers import Place, started
from tree_rows import PROMPT, Grove

from ostraka.access.roles import Role
from ostraka.trees.banning import ban, unban
from ostraka.trees.selection import TaskType
from ostraka.trees.states import State


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with started(tmp_path_factory.mktemp("tree_forms")) as place:
        place.people["carla"] = place.seeds.person("carla@example.org", Role.CONTRIBUTOR)
        yield place


@pytest.fixture(scope="module")
def grove(place: Place) -> Grove:
    return Grove(place.seeds.database)


class Browser:
    """Somebody's browser: it keeps cookies, and sends the token of the page it is on."""

    def __init__(self, place: Place, who: str) -> None:
        _, cookie = place.people[who]
        self._client = httpx.Client(
            base_url=place.address, cookies={cookie["name"]: cookie["value"]}, timeout=30
        )

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path, follow_redirects=True)

    def post(self, path: str, **fields: str) -> httpx.Response:
        page = self.get("/settings").text
        found = re.search(r'name="form-token" content="([^"]+)"', page)
        assert found
        form = {"form_token": found[1], **fields}
        return self._client.post(path, data=form, follow_redirects=True)

    def take(self, kind: TaskType, language: str) -> str:
        """Ask for a task; its id."""
        answer = self.post("/trees/tasks", kind=kind, language=language)
        assert answer.url.path.startswith("/trees/tasks/"), answer.text
        return answer.url.path.rsplit("/", 1)[-1]


@pytest.fixture
def carla(place: Place) -> Browser:
    return Browser(place, "carla")


@pytest.fixture
def lead(place: Place) -> Browser:
    return Browser(place, "lead")


def test_a_contributor_sees_trees_and_nothing_else(carla: Browser) -> None:
    page = carla.get("/trees")
    assert page.status_code == 200
    places = re.findall(r'class="rail-item" href="([^"]+)"', page.text)
    assert set(places) == {"/trees", "/policies", "/practice", "/", "/settings", "/docs"}
    for path in ("/queue", "/items", "/trees/all", "/insights", "/people"):
        assert carla.get(path).status_code == 403, path


def test_a_task_that_is_held_comes_first(carla: Browser) -> None:
    first = carla.take(TaskType.INITIAL_PROMPT, "da")
    assert carla.take(TaskType.INITIAL_PROMPT, "da") == first
    other = carla.post("/trees/tasks", kind="random", language="da")
    assert other.url.path.endswith(first)
    assert "Yours to finish" in carla.get("/trees?language=da").text


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("", 400, "The text is empty."),
        ("x" * 2_001, 400, "The text has 2,001 characters."),
        ("A text that was sent before.", 409, "You sent exactly this text a short while ago."),
    ],
)
def test_what_is_refused_stays_in_the_form(
    place: Place, grove: Grove, carla: Browser, text: str, status: int, words: str
) -> None:
    if status == 409:
        grove.prompt(grove.person(place.people["carla"][0]), text, "nl")
    task = carla.take(TaskType.INITIAL_PROMPT, "fi")
    answer = carla.post(f"/trees/tasks/{task}", kind="initial_prompt", language="fi", text=text)
    assert answer.status_code == status
    assert words in answer.text
    assert f">{text}</textarea>" in answer.text


def test_a_prompt_is_sent_without_the_character_nul(
    place: Place, grove: Grove, carla: Browser
) -> None:
    task = carla.take(TaskType.INITIAL_PROMPT, "sv")
    answer = carla.post(f"/trees/tasks/{task}", kind="initial_prompt", language="sv", text="Hej\0!")
    assert answer.url.path.startswith("/trees/tasks/")
    assert "Sent. Here is the next task." in answer.text
    assert "Hej!" in carla.get("/trees/mine?kind=prompts").text
    again = carla.get(f"/trees/tasks/{task}")
    assert again.url.path == "/trees"
    assert "That task is done." in again.text


def test_reviews_need_their_answers(grove: Grove, carla: Browser) -> None:
    grove.prompt(grove.bot(1), PROMPT, "it")
    task = carla.take(TaskType.LABEL_INITIAL_PROMPT, "it")
    refused = carla.post(f"/trees/tasks/{task}", **{"label.pii": "yes", "label.quality": "2"})
    assert refused.status_code == 400
    assert "Say first: it is spam?" in refused.text
    assert re.search(r'name="label.pii" value="yes" checked', refused.text)
    assert re.search(r'name="label.quality" value="2"[^>]* checked', refused.text)


def test_a_task_of_somebody_else_is_unknown(place: Place, carla: Browser) -> None:
    task = carla.take(TaskType.INITIAL_PROMPT, "pl")
    stranger = Browser(place, "ron")
    for answer in (
        stranger.get(f"/trees/tasks/{task}"),
        stranger.post(f"/trees/tasks/{task}", text="Mine now."),
        stranger.post(f"/trees/tasks/{task}/skip", reason=""),
        stranger.post(f"/trees/tasks/{task}/renew"),
        stranger.post(f"/trees/tasks/{task}/unskip"),
    ):
        assert answer.status_code == 404
    assert stranger.post(f"/trees/tasks/{task}/check", text="x").status_code == 204


def test_a_skip_without_javascript_can_be_undone(grove: Grove, carla: Browser) -> None:
    grove.prompt(grove.bot(2), PROMPT, "cs")
    task = carla.take(TaskType.LABEL_INITIAL_PROMPT, "cs")
    home = carla.post(
        f"/trees/tasks/{task}/skip", kind="label_initial_prompt", language="cs", reason="No."
    )
    assert "you have skipped it before" in home.text
    assert f'action="/trees/tasks/{task}/unskip"' in home.text
    back = carla.post(f"/trees/tasks/{task}/unskip")
    assert back.url.path.startswith("/trees/tasks/")
    assert PROMPT in back.text


def test_whoever_was_banned_is_told_so(place: Place, grove: Grove) -> None:
    ron = Browser(place, "ron")
    who = grove.person(place.people["ron"][0])
    ban(grove.store, who, "moderator", grove.now)
    try:
        assert "You cannot contribute here any more." in ron.get("/trees").text
        answer = ron.post("/trees/tasks", kind="random", language="en")
        assert answer.url.path == "/trees"
    finally:
        unban(grove.store, who, "somebody", grove.now)


@pytest.mark.parametrize(
    "path",
    [
        "/trees?language=%F0%9F%8C%B3",
        "/trees?ended=nothing&none=nothing",
        "/trees/mine?after=nothing",
        "/trees/all?author=nobody&after=zzz",
    ],
)
def test_odd_addresses_are_pages(lead: Browser, path: str) -> None:
    assert lead.get(path).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/trees/mine?kind=other", 400),
        ("/trees/leaderboard?frame=century", 400),
        ("/trees/all?search=%00", 400),
        ("/trees/all/nothing", 404),
        ("/trees/tasks/nothing", 404),
        ("/trees/tasks/nothing?kind=other", 400),
    ],
)
def test_odd_addresses_are_refused(lead: Browser, path: str, status: int) -> None:
    assert lead.get(path).status_code == status


def test_moderators_act_without_javascript(grove: Grove, lead: Browser) -> None:
    tree = grove.prompt(grove.bot(3), PROMPT, "hu")
    base = f"/trees/all/{tree}"
    assert "Halted" in lead.post(f"{base}/halt").text
    assert grove.store.read(tree).state is State.HALTED_BY_MODERATOR
    assert "Prompt in review" in lead.post(f"{base}/resume").text
    refused = lead.post(f"{base}/activate")
    assert refused.status_code == 409
    assert "Nothing was changed." in refused.text
    assert lead.post(f"{base}/explode").status_code == 404
    message = f"{base}/messages/{tree}"
    assert lead.post(f"{message}/edit", text=" ").status_code == 400
    assert "A better prompt." in lead.post(f"{message}/edit", text="A better prompt.").text
    assert lead.post(f"{message}/accept").status_code == 200
    assert grove.store.read(tree).root.accepted
    assert lead.post(f"{message}/explode").status_code == 404
    assert lead.post(f"{base}/messages/nothing/delete").status_code == 404
    page = lead.post(f"{message}/delete").text
    assert "Undelete" in page


def test_a_form_without_its_token_changes_nothing(place: Place, grove: Grove) -> None:
    tree = grove.prompt(grove.bot(4), PROMPT, "ro")
    _, cookie = place.people["lead"]
    answer = httpx.post(
        f"{place.address}/trees/all/{tree}/halt", cookies={cookie["name"]: cookie["value"]}
    )
    assert answer.status_code == 403
    assert grove.store.read(tree).state is State.INITIAL_PROMPT_REVIEW


def test_a_contributor_is_banned_and_their_reviews_are_withdrawn(
    grove: Grove, carla: Browser, lead: Browser
) -> None:
    tree = grove.prompt(grove.bot(5), PROMPT, "sk")
    grove.review(tree, tree)
    who = grove.bot(901)
    base = f"/trees/contributors/{who}"
    assert carla.get(base).status_code == 403
    assert "Crowd 901" in lead.get(f"/trees/all/{tree}").text
    before = grove.store.read(tree).root
    assert before.accepted
    shown = lead.get(f"{base}?preview=withdraw").text
    assert re.search(r"\d+ reviews and 0 rankings in \d+ trees would be withdrawn", shown)
    assert grove.store.read(tree).root == before

    lead.post(f"{base}/withdraw")
    after = grove.store.read(tree)
    assert (len(after.root.reviews), after.root.decision) == (2, None)
    assert after.state is State.INITIAL_PROMPT_REVIEW
    assert "would be put back" in lead.get(f"{base}?preview=reinstate").text
    lead.post(f"{base}/reinstate")
    assert grove.store.read(tree).root.accepted

    assert "Lift the ban" in lead.post(f"{base}/ban").text
    assert not grove.contributors.get(who).enabled
    assert "First seen" in lead.post(f"{base}/unban").text
    assert lead.get("/trees/contributors/nobody").status_code == 404
    assert lead.post(f"{base}/promote").status_code == 404
    assert lead.get(f"{base}?preview=purge").status_code == 400


def test_a_person_is_erased_after_a_look_at_what_goes(grove: Grove, lead: Browser) -> None:
    tree = grove.prompt(grove.bot(950), "A prompt that goes.", "sq")
    who, base = grove.bot(950), f"/trees/contributors/{grove.bot(950)}"
    shown = lead.get(f"{base}?preview=erase").text
    assert re.search(r"Texts erased</dt><dd>1<", shown)
    assert "It cannot be taken back." in shown
    refused = lead.post(f"{base}/erase", ban="yes")
    assert (refused.status_code, "Tick that you mean it" in refused.text) == (400, True)
    assert grove.store.read(tree).root.text == "A prompt that goes."

    assert "Erased" in lead.post(f"{base}/erase", ban="yes", sure="yes").text
    assert grove.store.read(tree).root.text == ""
    erased = grove.contributors.get(who)
    assert erased.erased_at
    assert erased.banned_at
    assert "contributor.purged" in lead.get("/audit").text


def test_messages_are_erased_and_the_person_may_go_on(grove: Grove, lead: Browser) -> None:
    tree = grove.prompt(grove.bot(951), "Words to erase.", "sq")
    base = f"/trees/contributors/{grove.bot(951)}"
    assert "Texts erased" in lead.get(f"{base}?preview=erase_messages").text
    lead.post(f"{base}/erase_messages", sure="yes")
    assert grove.store.read(tree).root.text == ""
    assert grove.contributors.get(grove.bot(951)).enabled


def test_two_contributors_become_one(grove: Grove, lead: Browser) -> None:
    tree = grove.prompt(grove.bot(952), "Written under another name.", "sq")
    into, source = grove.bot(953), grove.bot(952)
    base = f"/trees/contributors/{into}"
    assert "would change" in lead.get(f"{base}?preview=merge&source={source}").text
    for nobody in ("", into, "contributor_nobody"):
        assert lead.get(f"{base}?preview=merge&source={nobody}").status_code == 400
    assert lead.post(f"{base}/merge", source=source).status_code == 400
    assert grove.store.read(tree).root.author == source
    lead.post(f"/trees/contributors/{source}/ban")
    assert "this one will be too" in lead.get(f"{base}?preview=merge&source={source}").text
    lead.post(f"{base}/merge", source=source, sure="yes")
    assert grove.store.read(tree).root.author == into
    assert "Lift the ban" in lead.get(base).text
    again = lead.get(f"/trees/contributors/{grove.bot(954)}?preview=merge&source={source}")
    assert (again.status_code, "same person" in again.text) == (400, True)
    assert f"/trees/contributors/{into}" in lead.get(f"/trees/contributors/{source}").text
