from typing import Any

import httpx
import pytest
from googleapiclient import discovery
from googleapiclient.errors import HttpError

RUDE = "Good morning. You are a stupid idiot."


def analyze(server: str, **body: Any) -> httpx.Response:
    defaults = {"comment": {"text": RUDE}, "requestedAttributes": {"TOXICITY": {}}}
    return httpx.post(f"{server}/v1alpha1/comments:analyze?key=k", json=defaults | body)


def test_summary_and_whole_span(server: str) -> None:
    body = analyze(server, clientToken="t", languages=["en"]).json()
    score = body["attributeScores"]["TOXICITY"]
    assert score["summaryScore"]["value"] > 0.5
    assert score["summaryScore"]["type"] == "PROBABILITY"
    [span] = score["spanScores"]
    assert (span["begin"], span["end"]) == (0, len(RUDE))
    assert body["clientToken"] == "t"
    assert body["languages"] == ["en"]


def test_sentences(server: str) -> None:
    body = analyze(server, spanAnnotations=True).json()
    spans = body["attributeScores"]["TOXICITY"]["spanScores"]
    assert [RUDE[s["begin"] : s["end"]] for s in spans] == [
        "Good morning.",
        "You are a stupid idiot.",
    ]
    assert spans[0]["score"]["value"] < spans[1]["score"]["value"]


def test_threshold_leaves_out(server: str) -> None:
    requested = {"SPAM": {"scoreThreshold": 0.99}, "INSULT": {}}
    assert set(analyze(server, requestedAttributes=requested).json()["attributeScores"]) == {
        "INSULT"
    }


def test_null_is_what_was_not_said(server: str) -> None:
    requested = {"INSULT": {"scoreType": None, "scoreThreshold": None}}
    comment = {"text": RUDE, "type": None}
    plain = analyze(server, requestedAttributes={"INSULT": {}}).json()["attributeScores"]
    answer = analyze(server, comment=comment, requestedAttributes=requested)
    assert answer.json()["attributeScores"] == plain


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"comment": {"text": ""}}, "COMMENT_EMPTY", "Comment must be non-empty."),
        ({"comment": {}}, "COMMENT_EMPTY", "Comment must be non-empty."),
        ({"comment": {"text": "é" * 10_241}}, "COMMENT_TOO_LONG", "Comment text too long."),
        ({"requestedAttributes": {}}, "NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"),
        (
            {"requestedAttributes": {"INCOHERENT": {}}},
            "INVALID_REQUEST",
            "Unknown requested attribute: INCOHERENT",
        ),
        (
            {"languages": ["om"]},
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            "Attribute TOXICITY does not support request languages: om",
        ),
        (
            {"comment": {"text": "a", "type": "HTML"}},
            "INVALID_REQUEST",
            "Currently, only 'PLAIN_TEXT' comments are supported",
        ),
    ],
)
def test_errors_to_the_letter(server: str, body: dict[str, Any], kind: str, message: str) -> None:
    answer = analyze(server, **body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"] == message
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["details"][0]["errorType"] == kind


def test_google_client(server: str) -> None:
    client = discovery.build(
        "commentanalyzer",
        "v1alpha1",
        developerKey="k",
        discoveryServiceUrl=f"{server}/$discovery/rest?version=v1alpha1",
        static_discovery=False,
    )
    request = {"comment": {"text": RUDE}, "requestedAttributes": {"INSULT": {}}}
    answer = client.comments().analyze(body=request).execute()
    assert answer["attributeScores"]["INSULT"]["summaryScore"]["value"] > 0.5
    with pytest.raises(HttpError) as failed:
        client.comments().analyze(body={"comment": {"text": "a"}}).execute()
    assert failed.value.status_code == 400
