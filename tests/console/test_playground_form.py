"""The playground as a plain form: what a browser without JavaScript sends and gets."""

import html
import json
import re
import shlex
import subprocess
import sys

import httpx
import pytest

from ostraka.moderator import Moderator

RUDE = "You are a stupid idiot and everybody laughs at you."
AWKWARD = 'It\'s "quoted" \\ $HOME `id` 😀 שלום\n</textarea><script>alert(1)</script>'


def post(server: str, **fields: str) -> httpx.Response:
    return httpx.post(f"{server}/playground/score", data=fields, timeout=60)


def code(page: str, language: str) -> str:
    found = re.search(rf'<code id="code-{language}">(.*?)</code>', page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def test_scores_are_the_ones_of_the_moderator(server: str, moderator: Moderator) -> None:
    page = post(server, text=RUDE).text
    verdict = moderator.moderate(RUDE)
    rows = re.findall(
        r'class="score-name"[^>]*>(.*?)</span>.*?class="score-number">([\d.]+)<', page, re.DOTALL
    )
    shown = {name.replace("<wbr>", ""): number for name, number in rows}
    assert shown == {str(c): f"{score:.2f}" for c, score in verdict.scores.items()}
    flagged = [str(category) for category, flag in verdict.flags.items() if flag]
    title = re.search(r"<span>Flagged: ([^<]*)</span>", page)
    assert title
    assert sorted(title[1].split(", ")) == sorted(flagged)
    assert verdict.model in page
    assert f"<strong>{verdict.stage}</strong>" in page


def test_flagged_rows_come_first(server: str) -> None:
    rows = re.findall(r'<li class="score-row( is-flagged)?"', post(server, text=RUDE).text)
    assert rows[0]
    assert rows == sorted(rows, reverse=True)


def test_what_is_not_modelled_has_no_score(server: str) -> None:
    page = post(server, text=RUDE).text
    scored = re.findall(r'class="score-name" title="[^"]*">([^/]*(?:/[^/]*)?)</span>', page)
    silent = page[page.index("Not modelled") :]
    assert "sexual/minors" in silent
    assert not any("minors" in name for name in scored)


@pytest.mark.parametrize(
    ("vocabulary", "present", "absent"),
    [
        ("openai", "harassment", "toxicity"),
        ("mistral", "hate_and_discrimination", "SPAM"),
        ("perspective", "SEVERE_TOXICITY", "TOXICITY_EXPERIMENTAL"),
    ],
)
def test_vocabularies(server: str, vocabulary: str, present: str, absent: str) -> None:
    page = post(server, text="Have a lovely day.", vocabulary=vocabulary).text
    names = [
        html.unescape(re.sub("<wbr>", "", name))
        for name in re.findall(r'class="score-name"[^>]*>(.*?)</span>', page)
    ]
    assert present in names
    assert absent not in names


def test_a_vocabulary_hides_no_flag(server: str) -> None:
    page = post(server, text=RUDE, vocabulary="mistral").text
    assert "Flagged, but not in Mistral" in html.unescape(page)
    assert "Not flagged" not in page
    assert "also flagged for" in page
    assert "insult" in page[page.index("also flagged for") :]


def test_markup_stays_text(server: str) -> None:
    page = post(server, text=AWKWARD).text
    assert "<script>alert" not in page
    shown = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert shown
    assert html.unescape(shown[1]) == AWKWARD


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"text": ""}, 400, "There is no text to score yet"),
        ({"text": " \n "}, 400, "There is no text to score yet"),
        ({"text": "a" * 100_001}, 413, "100,001 characters"),
        ({"text": "x", "model": "<b>other</b>"}, 404, "does not exist"),
        ({"text": "x", "vocabulary": "klingon"}, 400, "no vocabulary"),
    ],
)
def test_refusals_say_why(server: str, fields: dict[str, str], status: int, words: str) -> None:
    answer = post(server, **fields)
    assert answer.status_code == status
    assert words in answer.text
    assert "score-row" not in answer.text
    assert "<b>other" not in answer.text


def test_body_beyond_the_limit_is_refused(server: str) -> None:
    answer = post(server, text="a" * 300_000)
    assert answer.status_code == 413
    assert "larger than 200000 bytes" in answer.text


def test_a_full_queue_is_said_and_keeps_the_text(busy_server: str) -> None:
    answer = post(busy_server, text=RUDE)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"
    assert "The server is busy." in answer.text
    assert RUDE in answer.text


def test_longest_text_is_scored(server: str) -> None:
    answer = post(server, text="word " * 20_000)
    assert answer.status_code == 200
    assert "up to 2,000 characters" in answer.text
    assert "text.txt" in code(answer.text, "curl")


def test_examples_are_buttons_of_the_form(server: str) -> None:
    page = post(server, text="", example="rude").text
    assert "Flagged" in page


def test_form_address_leads_back(server: str) -> None:
    answer = httpx.get(f"{server}/playground/score")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_line_breaks_are_those_of_the_api(server: str) -> None:
    page = post(server, text="one\r\ntwo").text
    assert r'"one\ntwo"' in code(page, "python")


@pytest.mark.parametrize("vocabulary", ["everything", "openai", "mistral", "perspective"])
@pytest.mark.parametrize("model", ["ostraka-cascade", "ostraka-lexical"])
def test_curl_works_as_shown(server: str, vocabulary: str, model: str) -> None:
    page = post(server, text=AWKWARD, vocabulary=vocabulary, model=model).text
    command = code(page, "curl")
    assert shlex.split(command)[0] == "curl"
    answer = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    assert {"results", "attributeScores"} & json.loads(answer.stdout).keys()


@pytest.mark.parametrize("vocabulary", ["openai", "mistral", "perspective"])
def test_python_works_as_shown(server: str, vocabulary: str) -> None:
    page = post(server, text=AWKWARD, vocabulary=vocabulary, model="ostraka-lexical").text
    answer = subprocess.run(
        [sys.executable, "-c", code(page, "python")], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip()


def test_long_text_is_read_from_a_file(server: str, tmp_path: object) -> None:
    page = post(server, text="You are kind. " * 200, vocabulary="openai").text
    (tmp_path / "text.txt").write_text("You are kind. " * 200)
    subprocess.run([sys.executable, "-c", code(page, "python")], cwd=tmp_path, check=True)


def test_forms_of_other_sites_are_refused(server: str) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    answer = httpx.post(f"{server}/playground/score", data={"text": RUDE}, headers=headers)
    assert answer.status_code == 400
    assert "another site" in answer.text
    assert "score-row" not in answer.text
