"""LangChain's two ways to ask OpenAI's moderation, with only the address changed."""

import asyncio
import os

import openai
import pytest
from langchain.agents import create_agent
from langchain_classic.chains import OpenAIModerationChain
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_openai.middleware import OpenAIModerationMiddleware
from langchain_openai.middleware.openai_moderation import OpenAIModerationError

SERVER = os.environ["OSTRAKA_TEST_SERVER"]
FAULTY = os.environ["OSTRAKA_TEST_SERVER_FAULTY"]
THREAT = "I will find you and kill you."
KIND = "Thank you for your help, have a lovely day."


def agent(answer=KIND, *, server=SERVER, fault="", exit_behavior="end"):
    options = {
        "base_url": f"{server}/v1",
        "api_key": "unused",
        "max_retries": 0,
        "default_headers": {"x-fault": fault},
    }
    middleware = OpenAIModerationMiddleware(
        exit_behavior=exit_behavior,
        client=openai.OpenAI(**options),
        async_client=openai.AsyncOpenAI(**options),
    )
    return create_agent(FakeListChatModel(responses=[answer]), middleware=[middleware])


def said(text):
    return {"messages": [{"role": "user", "content": text}]}


def test_middleware_lets_kind_words_pass():
    assert agent().invoke(said(KIND))["messages"][-1].content == KIND


@pytest.mark.parametrize(("question", "answer"), [(THREAT, KIND), (KIND, THREAT)])
def test_middleware_stops_question_and_answer(question, answer):
    last = agent(answer).invoke(said(question))["messages"][-1].content
    assert "flagged for" in last
    assert "violence" in last
    with pytest.raises(OpenAIModerationError) as stopped:
        agent(answer, exit_behavior="error").invoke(said(question))
    assert stopped.value.result.flagged is True


def test_middleware_asynchronously():
    state = asyncio.run(agent().ainvoke(said(THREAT)))
    assert "flagged for" in state["messages"][-1].content


def test_middleware_fails_closed():
    with pytest.raises(openai.RateLimitError):
        agent(server=FAULTY, fault="overloaded").invoke(said(KIND))


def test_chain(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", f"{SERVER}/v1")
    chain = OpenAIModerationChain(openai_api_key="unused")
    assert chain.invoke(KIND)["output"] == KIND
    assert "violates" in chain.invoke(THREAT)["output"]
    with pytest.raises(ValueError, match="violates"):
        OpenAIModerationChain(openai_api_key="unused", error=True).invoke(THREAT)
