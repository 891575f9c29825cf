"""An agent that asks a language model behind any OpenAI-compatible server.

It reads the variables that published baseline agents read. What the model writes is data: an answer
that is no JSON object with an action is marked as malformed and earns nothing; it is never turned
into approval. Servers that can hold a model to a schema are asked to, so that a small one is judged
by its decisions and not by its JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import httpx

from ostraka.environment.environment import Environment
from ostraka.environment.prompts import SYSTEM, decision_in, formats_of, prompt_of
from ostraka.errors import JudgeRefusedRequestError, JudgeUnavailableError, SettingsError

_ATTEMPTS: Final = 4
_UNSUPPORTED: Final = frozenset({400, 422, 500, 501})
"""What servers say to a format that they do not know; llama-cpp-python's says 500."""


class LanguageModelAgent:
    """Asks a model about each post; many threads may share it. `wait` pauses between attempts."""

    def __init__(
        self, url: str, model: str, key: str, wait: Callable[[float], None], seconds: float = 300.0
    ) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model, self._wait = model, wait
        headers = {"authorization": f"Bearer {key}"}
        self._client = httpx.Client(timeout=seconds, headers=headers)
        self._format = 0
        self._format_works = False

    @classmethod
    def of(
        cls, variables: Mapping[str, str], wait: Callable[[float], None]
    ) -> "LanguageModelAgent":
        """The agent that `API_BASE_URL`, `MODEL_NAME` and `HF_TOKEN` describe.

        Raises:
            SettingsError: one of them is missing.
        """
        names = ("API_BASE_URL", "MODEL_NAME", "HF_TOKEN")
        if missing := [name for name in names if not variables.get(name)]:
            raise SettingsError(f"the agent 'llm' needs {', '.join(missing)} in the environment")
        url, model, key = (variables[name] for name in names)
        return cls(url, model, key, wait)

    def begin(self, environment: Environment, seed: int) -> None:
        """Nothing is remembered from one episode to the next."""

    def decide(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        """The model's answer, or one that is marked as malformed.

        Raises:
            JudgeUnavailableError: the server does not answer.
            JudgeRefusedRequestError: it refuses the request.
        """
        messages = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": prompt_of(observation)},
        ]
        body = {"model": self._model, "messages": messages, "temperature": 0, "max_tokens": 256}
        return decision_in(self._in_some_format(body, formats_of(observation)))

    def _in_some_format(
        self, body: dict[str, Any], formats: Sequence[Mapping[str, Any] | None]
    ) -> str:
        """The answer in the first format that the server takes; the last one, None, is any text."""
        for number, wanted in enumerate(formats):
            if number < self._format or wanted is None:
                continue
            text = self._asked(body | {"response_format": wanted}, may_refuse=True)
            if text is not None:
                self._format_works = True
                return text
            self._format = max(self._format, number + 1)
        return self._asked(body) or ""

    def _asked(self, body: Mapping[str, Any], *, may_refuse: bool = False) -> str | None:
        """What the model says; None where the server refuses a format that never worked."""
        said = "it does not answer"
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._wait(2.0 ** (attempt - 1))
            try:
                answer = self._client.post(self._url, json=body)
            except httpx.TransportError as error:
                said = str(error) or type(error).__name__
                continue
            status = answer.status_code
            if status < 400:
                return _content(answer)
            if may_refuse and not self._format_works and status in _UNSUPPORTED:
                return None
            said = f"it answers {status}"
            if status < 500 and status not in (408, 429):
                raise JudgeRefusedRequestError(
                    f"the model's server refuses the request: {said}", status=status
                )
        raise JudgeUnavailableError(f"the model's server cannot be used: {said}")


def _content(answer: httpx.Response) -> str:
    """The text of an answer; empty where it has none, which counts as malformed."""
    try:
        content = answer.json()["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return content if isinstance(content, str) else ""
