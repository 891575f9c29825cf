"""How the scripted server hands over an answer: whole or streamed, in time or badly."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ostraka.testing.openai_script import Step

STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_CHARACTERS: Final = 4


class ResetConnectionError(Exception):
    """The connection is to be reset."""


def events(body: Mapping[str, Any], request: Mapping[str, Any]) -> list[bytes]:
    """A completion's body as the chunks of a stream, its end included."""
    common = {name: body[name] for name in ("id", "created", "model")}
    common["object"] = "chat.completion.chunk"
    found = [common | {"choices": [each]} for each in _choices(body)]
    if (request.get("stream_options") or {}).get("include_usage"):
        found.append(common | {"choices": [], "usage": body["usage"]})
    data = [b"data: " + msgspec.json.encode(each) + b"\n\n" for each in found]
    return [_chunk(each) for each in (*data, b"data: [DONE]\n\n")] + [_chunk(b"")]


def _choices(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not body["choices"]:
        return []
    [choice] = body["choices"]
    message, said = choice["message"], choice["message"]["content"] or ""
    tokens = (choice.get("logprobs") or {}).get("content")
    pieces: list[tuple[str, Any]]
    if tokens:
        pieces = [(each["token"], {"content": [each]}) for each in tokens]
    else:
        cut = range(0, len(said), _CHARACTERS)
        pieces = [(said[at : at + _CHARACTERS], None) for at in cut]
    deltas: list[dict[str, Any]] = [{"delta": {"role": "assistant", "content": ""}}]
    deltas += [{"delta": {"content": text}, "logprobs": probable} for text, probable in pieces]
    if message["refusal"]:
        deltas.append({"delta": {"refusal": message["refusal"]}})
    deltas.append({"delta": {}, "finish_reason": choice["finish_reason"]})
    return [{"index": 0, "finish_reason": None} | each for each in deltas]


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def deliver(writer: asyncio.StreamWriter, pieces: Sequence[bytes], step: Step) -> None:
    """Write the pieces: a drip one after the other, others with what happens in their middle.

    Raises:
        ResetConnectionError: the step wants it.
    """
    for number, piece in enumerate(pieces):
        if step.do == "drip":
            await asyncio.sleep(step.seconds / len(pieces))
        if number == len(pieces) // 2 and step.do == "reset_midway":
            raise ResetConnectionError
        if number == len(pieces) // 2 and step.do == "stall":
            await asyncio.sleep(step.seconds)
        writer.write(piece)
        await writer.drain()
