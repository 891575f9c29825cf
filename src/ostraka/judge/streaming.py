"""A chat completion that comes in pieces (server-sent events), put together as if it came whole.

What is put together is checked for its end: a stream that breaks off is a failure of the server,
never a short answer.
"""

from typing import Any, Final

import msgspec

from ostraka.errors import JudgeAnswerError, JudgeUnavailableError

_DATA: Final = b"data:"
_END: Final = b"[DONE]"


class StreamedCompletion:
    """Takes the bytes of a stream, cut anywhere, and gives the completion's body."""

    def __init__(self) -> None:
        self._pending = b""
        self._body: dict[str, Any] = {"choices": []}
        self._said: list[str] = []
        self._refused: list[str] = []
        self._logprobs: list[Any] = []
        self._finish_reason: str | None = None
        self._ended = False

    def feed(self, piece: bytes) -> None:
        """Some more bytes.

        Raises:
            JudgeUnavailableError: the server tells of a failure in the middle of its answer.
            JudgeAnswerError: an event that is no JSON.
        """
        *lines, self._pending = (self._pending + piece).split(b"\n")
        for line in lines:
            if line.startswith(_DATA):
                self._take(line.removeprefix(_DATA).strip())

    def body(self) -> dict[str, Any]:
        """The whole, in the shape of an answer that was not streamed.

        Raises:
            JudgeUnavailableError: the stream broke off before its end.
        """
        if not self._choices and self._ended:
            return self._body
        if self._finish_reason is None:
            raise JudgeUnavailableError("the judge's answer broke off in the middle of its stream")
        message = {"content": "".join(self._said), "refusal": "".join(self._refused) or None}
        choice: dict[str, Any] = {"message": message, "finish_reason": self._finish_reason}
        if self._logprobs:
            choice["logprobs"] = {"content": self._logprobs}
        return self._body | {"choices": [choice]}

    @property
    def _choices(self) -> bool:
        return bool(self._said or self._refused or self._finish_reason)

    def _take(self, data: bytes) -> None:
        if data == _END:
            self._ended = True
            return
        try:
            event = msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            raise JudgeAnswerError("unparsable", "an event of the stream is no JSON") from error
        match event:
            case {"error": {"message": str(message)}} | {"error": str(message)}:
                raise JudgeUnavailableError(f"the judge's server failed in mid-answer: {message}")
        match event:
            case {"usage": dict(usage)}:
                self._body["usage"] = usage
        match event:
            case {"choices": [{"delta": dict(delta)} as choice, *_]}:
                self._add(delta, choice)

    def _add(self, delta: dict[str, Any], choice: dict[str, Any]) -> None:
        for name, texts in (("content", self._said), ("refusal", self._refused)):
            if isinstance(text := delta.get(name), str):
                texts.append(text)
        match choice:
            case {"logprobs": {"content": list(tokens)}}:
                self._logprobs += tokens
        if isinstance(reason := choice.get("finish_reason"), str):
            self._finish_reason = reason
