from typing import Any

import httpx
import pytest
from azure.ai.contentsafety import ContentSafetyClient
from azure.ai.contentsafety.models import AnalyzeTextOptions
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError

THREAT = "I will find you and kill you."
KIND = "Thank you for your help, have a lovely day."
GUARDRAIL = "/beta/litellm_basic_guardrail_api"


def test_azure_client(server: str) -> None:
    client = ContentSafetyClient(server, AzureKeyCredential("unused"))
    answer = client.analyze_text(AnalyzeTextOptions(text=THREAT))
    severities = {each.category: each.severity for each in answer.categories_analysis}
    assert set(severities) == {"Hate", "SelfHarm", "Sexual", "Violence"}
    assert severities["Violence"] >= 4
    only = client.analyze_text(AnalyzeTextOptions(text=KIND, categories=["Hate"]))
    assert [(each.category, each.severity) for each in only.categories_analysis] == [("Hate", 0)]
    with pytest.raises(HttpResponseError) as failed:
        client.analyze_text(AnalyzeTextOptions(text=""))
    assert failed.value.status_code == 400
    assert failed.value.error.code == "InvalidRequestBody"


def test_guardrail_blocks_and_passes(server: str) -> None:
    blocked = httpx.post(server + GUARDRAIL, json={"texts": [KIND, THREAT]}).json()
    assert blocked["action"] == "BLOCKED"
    assert "violence" in blocked["blocked_reason"]
    assert httpx.post(server + GUARDRAIL, json={"texts": [KIND]}).json() == {"action": "NONE"}
    strict = {"texts": [KIND], "additional_provider_specific_params": {"thresholds": {"hate": 0}}}
    assert httpx.post(server + GUARDRAIL, json=strict).json()["action"] == "BLOCKED"


@pytest.mark.parametrize(
    "body",
    [
        {"texts": "a"},
        {"texts": [], "images": ["data"]},
        {"texts": [], "tool_calls": {"function": {}}},
        {"texts": [], "tool_calls": [3]},
        {"texts": [], "additional_provider_specific_params": {"thresholds": {"nonsense": 1}}},
        {"texts": [], "additional_provider_specific_params": {"thresholds": {"hate": 2}}},
        {"texts": [], "additional_provider_specific_params": 3},
    ],
)
def test_guardrail_errors(server: str, body: dict[str, Any]) -> None:
    answer = httpx.post(server + GUARDRAIL, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
