"""`azure-ai-contentsafety`, synchronous and asynchronous."""

import asyncio
import os
import time

import pytest
from azure.ai.contentsafety import ContentSafetyClient
from azure.ai.contentsafety.aio import ContentSafetyClient as AsyncContentSafetyClient
from azure.ai.contentsafety.models import (
    AnalyzeTextOptions,
    AnalyzeTextOutputType,
    TextCategory,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

SERVER = os.environ["OSTRAKA_TEST_SERVER"]
FAULTY = os.environ["OSTRAKA_TEST_SERVER_FAULTY"]
KEY = AzureKeyCredential("unused")
THREAT = "I will find you and kill you."
KIND = "Thank you for your help, have a lovely day."
FOUR = AnalyzeTextOutputType.FOUR_SEVERITY_LEVELS
EIGHT = AnalyzeTextOutputType.EIGHT_SEVERITY_LEVELS


def analyze(text=THREAT, *, server=SERVER, headers=None, options=None, **body):
    client = ContentSafetyClient(server, KEY, **(options or {"retry_total": 0}))
    return client.analyze_text(AnalyzeTextOptions(text=text, **body), headers=headers or {})


def severities(answer):
    return {each.category: each.severity for each in answer.categories_analysis}


def test_all_categories_by_default():
    found = severities(analyze())
    assert set(found) == set(TextCategory)
    assert found[TextCategory.VIOLENCE] >= 4
    assert severities(analyze(KIND)) == dict.fromkeys(TextCategory, 0)
    assert analyze().blocklists_match == []


@pytest.mark.parametrize("category", list(TextCategory))
def test_one_category(category):
    assert list(severities(analyze(categories=[category]))) == [category]


def test_output_types():
    four = severities(analyze(output_type=FOUR))
    eight = severities(analyze(output_type=EIGHT))
    assert set(four.values()) <= {0, 2, 4, 6}
    assert all(0 <= level <= 7 for level in eight.values())
    assert four == {name: level - level % 2 for name, level in eight.items()}
    assert four == severities(analyze())


def test_halt_and_empty_blocklists_change_nothing():
    plain = severities(analyze())
    assert severities(analyze(halt_on_blocklist_hit=True, blocklist_names=[])) == plain


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "a" * 10_001}, "text"),
        ({"categories": ["Nonsense"]}, "categories"),
        ({"output_type": "SixSeverityLevels"}, "outputType"),
        ({"blocklist_names": ["words"]}, "blocklistNames"),
    ],
)
def test_bad_input(body, field):
    with pytest.raises(HttpResponseError) as failed:
        analyze(**body)
    assert failed.value.status_code == 400
    assert failed.value.error.code == "InvalidRequestBody"
    assert f"'{field}'" in failed.value.error.message


def test_ten_thousand_characters_are_taken():
    assert analyze("a " * 5000).categories_analysis


@pytest.mark.parametrize(
    ("fault", "kind", "status", "code"),
    [
        ("unauthenticated", ClientAuthenticationError, 401, "Unauthorized"),
        ("forbidden", HttpResponseError, 403, "PermissionDenied"),
        ("conflict", ResourceExistsError, 409, "Conflict"),
        ("overloaded", HttpResponseError, 429, "TooManyRequests"),
        ("crash", HttpResponseError, 500, "InternalError"),
        ("broken_model", HttpResponseError, 500, "InternalError"),
    ],
)
def test_other_statuses(fault, kind, status, code):
    with pytest.raises(kind) as failed:
        analyze(server=FAULTY, headers={"x-fault": fault})
    assert failed.value.status_code == status
    assert failed.value.error.code == code
    assert "inside" not in failed.value.error.message
    assert failed.value.response.headers["x-request-id"].startswith("req_")


def test_too_large():
    with pytest.raises(HttpResponseError) as failed:
        analyze("a" * 250_000)
    assert failed.value.status_code == 413
    assert failed.value.error.code == "RequestEntityTooLarge"


def test_unknown_path():
    with pytest.raises(ResourceNotFoundError) as failed:
        ContentSafetyClient(f"{SERVER}/contentsafety/nowhere", KEY).analyze_text(
            AnalyzeTextOptions(text=KIND)
        )
    assert failed.value.error.code == "NotFound"


def test_overload_is_retried_after_the_stated_time():
    headers = {"x-fault": "overloaded", "x-fault-times": "1", "x-fault-key": str(time.time())}
    started = time.monotonic()
    assert analyze(server=FAULTY, headers=headers, options={"retry_total": 2}).categories_analysis
    assert time.monotonic() - started >= 0.3


def test_timeout():
    with pytest.raises((ServiceResponseError, ServiceRequestError)):
        analyze(
            server=FAULTY,
            headers={"x-fault": "slow"},
            options={"read_timeout": 0.2, "retry_total": 0},
        )


def test_async_client():
    async def several():
        async with AsyncContentSafetyClient(SERVER, KEY) as client:
            calls = [client.analyze_text(AnalyzeTextOptions(text=each)) for each in (THREAT, KIND)]
            answers = await asyncio.gather(*calls)
            with pytest.raises(HttpResponseError):
                await client.analyze_text(AnalyzeTextOptions(text=""))
        return [severities(answer)[TextCategory.VIOLENCE] for answer in answers]

    threat, kind = asyncio.run(several())
    assert threat >= 4
    assert kind == 0
