"""`google-api-python-client`, built from our discovery document, as Perspective's users do it."""

import json
import os
import time

import httplib2
import pytest
from googleapiclient import discovery
from googleapiclient.errors import HttpError

SERVER = os.environ["OSTRAKA_TEST_SERVER"]
FAULTY = os.environ["OSTRAKA_TEST_SERVER_FAULTY"]
RUDE = "Good morning. You are a stupid idiot."
STABLE = ["TOXICITY", "SEVERE_TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "THREAT"]
MODELLED = [
    *STABLE,
    *(f"{name}_EXPERIMENTAL" for name in STABLE),
    "TOXICITY_FAST",
    "SEXUALLY_EXPLICIT",
    "OBSCENE",
    "SPAM",
]
UNMODELLED = ["FLIRTATION", "INCOHERENT", "ATTACK_ON_AUTHOR", "LIKELY_TO_REJECT", "NONSENSE"]
ERROR_TYPE = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"


@pytest.fixture(scope="module")
def client():
    return build(SERVER)


def build(server, **options):
    return discovery.build(
        "commentanalyzer",
        "v1alpha1",
        developerKey="unused",
        discoveryServiceUrl=f"{server}/$discovery/rest?version=v1alpha1",
        static_discovery=False,
        **options,
    )


def request(**body):
    return {"comment": {"text": RUDE}, "requestedAttributes": {"TOXICITY": {}}} | body


def analyze(client, **body):
    return client.comments().analyze(body=request(**body)).execute()


def failure(client, **body):
    with pytest.raises(HttpError) as failed:
        analyze(client, **body)
    error = json.loads(failed.value.content)["error"]
    assert failed.value.resp["content-type"].startswith("application/json")
    assert failed.value.status_code == failed.value.resp.status == error["code"]
    assert error["message"] in failed.value.reason
    return failed.value, error


def test_summary_and_whole_span(client):
    answer = analyze(client)
    score = answer["attributeScores"]["TOXICITY"]
    assert set(score) == {"spanScores", "summaryScore"}
    assert score["summaryScore"]["type"] == "PROBABILITY"
    assert 0.5 < score["summaryScore"]["value"] <= 1.0
    [span] = score["spanScores"]
    assert (span["begin"], span["end"]) == (0, len(RUDE))
    assert span["score"] == score["summaryScore"]
    assert "clientToken" not in answer


def test_every_documented_option(client):
    answer = analyze(
        client,
        comment={"text": RUDE, "type": "PLAIN_TEXT"},
        context={"entries": [{"text": "What a day.", "type": "PLAIN_TEXT"}]},
        requestedAttributes={
            "TOXICITY": {"scoreType": "PROBABILITY", "scoreThreshold": 0.1},
            "INSULT": {},
        },
        languages=["en"],
        spanAnnotations=True,
        doNotStore=True,
        clientToken="token",
        sessionId="session",
        communityId="community",
    )
    assert set(answer["attributeScores"]) == {"TOXICITY", "INSULT"}
    assert answer["languages"] == ["en"]
    assert answer["clientToken"] == "token"
    spans = answer["attributeScores"]["TOXICITY"]["spanScores"]
    assert [RUDE[span["begin"] : span["end"]] for span in spans] == [
        "Good morning.",
        "You are a stupid idiot.",
    ]
    assert spans[0]["score"]["value"] < spans[1]["score"]["value"]


def test_context_of_article_and_parent(client):
    context = {
        "articleAndParentComment": {"article": {"text": "a"}, "parentComment": {"text": "b"}}
    }
    assert analyze(client, context=context)["attributeScores"]


def test_every_modelled_attribute(client):
    answer = analyze(client, requestedAttributes={name: {} for name in MODELLED})
    scores = {
        name: score["summaryScore"]["value"] for name, score in answer["attributeScores"].items()
    }
    assert set(scores) == set(MODELLED)
    assert all(0 <= value <= 1 for value in scores.values())
    for name in STABLE:
        assert scores[name] == scores[f"{name}_EXPERIMENTAL"]


@pytest.mark.parametrize("name", UNMODELLED)
def test_unknown_attribute(client, name):
    failed, error = failure(client, requestedAttributes={name: {}})
    assert failed.status_code == 400
    assert error["message"] == f"Unknown requested attribute: {name}"
    assert error["details"] == [{"@type": ERROR_TYPE, "errorType": "INVALID_REQUEST"}]


def test_unsupported_attributes_are_dropped_on_request(client):
    requested = {"INSULT": {}, "FLIRTATION": {}}
    answer = analyze(client, requestedAttributes=requested, dropUnsupportedAttributes=True)
    assert set(answer["attributeScores"]) == {"INSULT"}
    other = analyze(client, languages=["om"], dropUnsupportedAttributes=True)
    assert other["languages"] == ["om"]
    assert "attributeScores" not in other
    failure(client, requestedAttributes={"NONSENSE": {}}, dropUnsupportedAttributes=True)


def test_score_threshold_leaves_out(client):
    requested = {"SPAM": {"scoreThreshold": 0.99}, "INSULT": {"scoreThreshold": 0.5}}
    assert set(analyze(client, requestedAttributes=requested)["attributeScores"]) == {"INSULT"}
    assert "attributeScores" not in analyze(
        client, requestedAttributes={"SPAM": {"scoreThreshold": 0.99}}
    )


@pytest.mark.parametrize("text", ["😀 Good day. You idiot!", "né. 名前。ok?", "one\ntwo\n\nthree"])
def test_spans_count_code_points(client, text):
    answer = analyze(client, comment={"text": text}, spanAnnotations=True)
    spans = answer["attributeScores"]["TOXICITY"]["spanScores"]
    assert all(0 <= span["begin"] < span["end"] <= len(text) for span in spans)
    pieces = "".join(text[span["begin"] : span["end"]] for span in spans)
    assert "".join(pieces.split()) == "".join(text.split())


def test_no_more_spans_than_the_server_takes_texts(client):
    text = "One. " * 100
    answer = analyze(client, comment={"text": text}, spanAnnotations=True)
    spans = answer["attributeScores"]["TOXICITY"]["spanScores"]
    assert len(spans) == 8
    assert (spans[0]["begin"], spans[-1]["end"]) == (0, len(text.rstrip()))


def test_snake_case_names_are_the_same_fields(client):
    body = {
        "comment": {"text": RUDE},
        "requested_attributes": {"INSULT": {"score_threshold": 0.0}},
        "span_annotations": True,
        "do_not_store": True,
        "client_token": "token",
    }
    answer = client.comments().analyze(body=body).execute()
    assert len(answer["attributeScores"]["INSULT"]["spanScores"]) == 2
    assert answer["clientToken"] == "token"


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"comment": {"text": ""}}, "COMMENT_EMPTY", "Comment must be non-empty."),
        ({"comment": {"text": " \n"}}, "COMMENT_EMPTY", "Comment must be non-empty."),
        ({"comment": {}}, "COMMENT_EMPTY", "Comment must be non-empty."),
        ({"comment": {"text": "é" * 10_241}}, "COMMENT_TOO_LONG", "Comment text too long."),
        ({"requestedAttributes": {}}, "NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"),
        (
            {"languages": ["en", "om", "xx"]},
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            "Attribute TOXICITY does not support request languages: om, xx",
        ),
        (
            {"requestedAttributes": {"TOXICITY": {"scoreType": "STD_DEV"}}},
            "INVALID_REQUEST",
            "Requested score type STD_DEV is not supported for attribute TOXICITY",
        ),
        (
            {"comment": {"text": "a", "type": "HTML"}},
            "INVALID_REQUEST",
            "Currently, only 'PLAIN_TEXT' comments are supported",
        ),
    ],
)
def test_errors_to_the_letter(client, body, kind, message):
    failed, error = failure(client, **body)
    assert failed.status_code == 400
    assert error["message"] == message
    assert error["status"] == "INVALID_ARGUMENT"
    [detail] = error["details"]
    assert detail["@type"] == ERROR_TYPE
    assert detail["errorType"] == kind
    assert failed.error_details == error["details"]


def test_language_error_names_the_attribute(client):
    _, error = failure(client, languages=["om"], requestedAttributes={"INSULT": {}})
    assert error["details"][0]["languageNotSupportedByAttributeError"] == {
        "detectedLanguages": [],
        "requestedLanguages": ["om"],
        "attribute": "INSULT",
    }


def test_both_contexts_are_refused(client):
    context = {"entries": [{"text": "a"}], "articleAndParentComment": {"article": {"text": "b"}}}
    _, error = failure(client, context=context)
    assert error["details"][0]["errorType"] == "INVALID_REQUEST"
    assert "context" in error["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"comment": "a"}, "comment"),
        ({"comment": {"text": 3}}, "comment.text"),
        ({"requestedAttributes": {"TOXICITY": 3}}, "requestedAttributes.TOXICITY"),
        (
            {"requestedAttributes": {"TOXICITY": {"scoreThreshold": "high"}}},
            "requestedAttributes.TOXICITY.scoreThreshold",
        ),
        ({"requestedAttributes": ["TOXICITY"]}, "requestedAttributes"),
        ({"languages": "en"}, "languages"),
        ({"spanAnnotations": "yes"}, "spanAnnotations"),
        ({"doNotStore": 1}, "doNotStore"),
        ({"clientToken": 3}, "clientToken"),
        ({"sessionId": []}, "sessionId"),
        ({"context": "a"}, "context"),
    ],
)
def test_wrong_types_name_the_field(client, body, field):
    failed, error = failure(client, **body)
    assert failed.status_code == 400
    assert f"'{field}'" in error["message"]
    assert error["details"][0]["errorType"] == "INVALID_REQUEST"


def test_too_large(client):
    failed, error = failure(client, sessionId="a" * 250_000)
    assert failed.status_code == 413
    assert error["status"] == "INVALID_ARGUMENT"


def test_unknown_path():
    http = httplib2.Http()
    response, content = http.request(f"{SERVER}/v1alpha1/comments:nothing", "POST", body="{}")
    error = json.loads(content)["error"]
    assert (response.status, error["code"], error["status"]) == (404, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("unauthenticated", 400, "INVALID_ARGUMENT"),
        ("forbidden", 403, "PERMISSION_DENIED"),
        ("overloaded", 429, "RESOURCE_EXHAUSTED"),
        ("crash", 500, "INTERNAL"),
        ("broken_model", 500, "INTERNAL"),
    ],
)
def test_other_statuses(fault, code, status):
    call = build(FAULTY).comments().analyze(body=request())
    call.headers["x-fault"] = fault
    with pytest.raises(HttpError) as failed:
        call.execute()
    error = json.loads(failed.value.content)["error"]
    assert (failed.value.status_code, error["code"], error["status"]) == (code, code, status)
    if fault == "unauthenticated":
        assert "API key not valid" in failed.value.reason
    if fault == "overloaded":
        assert float(failed.value.resp["retry-after"]) >= 0.3


def test_retries_and_timeout():
    call = build(FAULTY).comments().analyze(body=request())
    call.headers |= {"x-fault": "overloaded", "x-fault-times": "1", "x-fault-key": str(time.time())}
    assert call.execute(num_retries=3)["attributeScores"]
    slow = build(FAULTY, http=httplib2.Http(timeout=0.2)).comments().analyze(body=request())
    slow.headers["x-fault"] = "slow"
    with pytest.raises(TimeoutError):
        slow.execute()


def test_suggested_score(client):
    body = {
        "comment": {"text": RUDE},
        "attributeScores": {"DELETED": {"summaryScore": {"value": 1.0}}},
        "communityId": "community",
        "clientToken": "token",
    }
    assert client.comments().suggestscore(body=body).execute()["clientToken"] == "token"
    for broken, field in (
        ({"attributeScores": {}}, "attribute_scores"),
        ({"attributeScores": {"TOXICITY": 1}}, "attributeScores.TOXICITY"),
        ({"attributeScores": {"TOXICITY": {"summaryScore": {"value": 2}}}}, "summaryScore.value"),
    ):
        with pytest.raises(HttpError) as failed:
            client.comments().suggestscore(body=body | broken).execute()
        assert failed.value.status_code == 400
        assert field in failed.value.reason
