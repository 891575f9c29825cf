"""LiteLLM's own guardrail classes, as its proxy makes them: the generic one and OpenAI's."""

import asyncio
import os
import uuid

import litellm
import pytest
from litellm.exceptions import GuardrailRaisedException
from litellm.proxy.guardrails.guardrail_hooks.generic_guardrail_api import GenericGuardrailAPI

SERVER = os.environ["OSTRAKA_TEST_SERVER"]
IGNORING_IMAGES = os.environ["OSTRAKA_TEST_SERVER_IGNORING_IMAGES"]
FAULTY = os.environ["OSTRAKA_TEST_SERVER_FAULTY"]
THREAT = "I will find you and kill you."
KIND = "Thank you for your help, have a lovely day."
PICTURE = "data:image/png;base64,AAAA"


def apply(inputs, *, server=SERVER, direction="request", **options):
    guardrail = GenericGuardrailAPI(api_base=server, guardrail_name="ostraka", **options)
    data = {"metadata": {"user_api_key_user_id": "somebody"}}
    return asyncio.run(
        guardrail.apply_guardrail(inputs=inputs, request_data=data, input_type=direction)
    )


@pytest.mark.parametrize("direction", ["request", "response"])
def test_passes_and_blocks(direction):
    assert apply({"texts": [KIND, KIND]}, direction=direction)["texts"] == [KIND, KIND]
    with pytest.raises(GuardrailRaisedException) as blocked:
        apply({"texts": [KIND, THREAT]}, direction=direction)
    assert "violence" in blocked.value.message


def test_arguments_of_tool_calls_are_judged():
    def call(text):
        function = {"name": "send_mail", "arguments": f'{{"text": "{text}"}}'}
        return [{"id": "call", "type": "function", "function": function}]

    apply({"texts": [], "tool_calls": call(KIND)}, direction="response")
    with pytest.raises(GuardrailRaisedException):
        apply({"texts": [], "tool_calls": call(THREAT)}, direction="response")


def test_thresholds_and_model_of_the_configuration():
    strict = {"thresholds": {"hate": 0.0}}
    with pytest.raises(GuardrailRaisedException):
        apply({"texts": [KIND]}, additional_provider_specific_params=strict)
    chosen = {"model": "ostraka-lexical"}
    assert apply({"texts": [KIND]}, additional_provider_specific_params=chosen)["texts"] == [KIND]


@pytest.mark.parametrize("options", [{"model": "nonsense"}, {"thresholds": {"nonsense": 0.5}}])
def test_wrong_configuration_fails_closed(options):
    with pytest.raises(Exception, match="Generic Guardrail API failed"):
        apply({"texts": [KIND]}, additional_provider_specific_params=options)


def test_images_never_pass_unseen():
    for server, texts in ((SERVER, [KIND]), (SERVER, []), (IGNORING_IMAGES, [])):
        with pytest.raises(Exception, match="Generic Guardrail API failed"):
            apply({"texts": texts, "images": [PICTURE]}, server=server)
    assert apply({"texts": [KIND], "images": [PICTURE]}, server=IGNORING_IMAGES)["texts"] == [KIND]


@pytest.mark.parametrize("fault", ["unauthenticated", "forbidden", "overloaded", "crash"])
def test_failures_never_pass(fault):
    with pytest.raises(Exception, match="Generic Guardrail API failed"):
        apply(
            {"texts": [KIND]},
            server=FAULTY,
            headers={"x-fault": fault},
            unreachable_fallback="fail_open",
        )


def test_moderation_call():
    answer = litellm.moderation(
        input=THREAT,
        model="omni-moderation-latest",
        api_base=f"{SERVER}/v1",
        api_key=uuid.uuid4().hex,
    )
    assert answer.results[0].flagged is True
