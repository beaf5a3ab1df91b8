"""What an application asks of OpenAI, one call after the other, with the official client.

Each call looks at its answer: the emulator's, whatever stands between.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final, Literal

from openai import Omit, omit

from testbed.emulator import pattern
from testbed.emulator.audio import CHUNK
from testbed.emulator.images import image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openai import OpenAI

MODEL: Final = "gpt-5-mini"
QUESTION: Final = "does this key work?"
TEXT: Final = "The key works."
RECORDING: Final = ("speech.mp3", b"".join(pattern.pieces(48_000)), "audio/mpeg")
IMAGE_BYTES: Final = 256
SPEECH: Final = pattern.BLOCK[:CHUNK] * 3


def models(client: OpenAI) -> None:
    assert "gpt-4o-mini" in [model.id for model in client.models.list()]


def chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": QUESTION}]
    )
    assert answer.choices[0].message.content == TEXT
    assert answer.usage is not None
    assert (answer.usage.completion_tokens, answer.usage.total_tokens) == (
        3,
        answer.usage.prompt_tokens + 3,
    )


def chat_stream(client: OpenAI) -> None:
    with client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = [*stream]
    text = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(filter(None, text)) == TEXT
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


def responses(client: OpenAI) -> None:
    answer = client.responses.create(model=MODEL, input=QUESTION)
    assert answer.output_text == TEXT
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (4, 3)


def responses_stream(client: OpenAI) -> None:
    with client.responses.create(model=MODEL, input=QUESTION, stream=True) as stream:
        events = [*stream]
    assert [event.sequence_number for event in events] == [*range(len(events))]
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == TEXT
    assert last.response.usage is not None
    assert last.response.usage.total_tokens == 7


def embeddings(client: OpenAI) -> None:
    # Without a format the client asks for base64, and decodes it.
    formats: tuple[Omit | Literal["float"], ...] = (omit, "float")
    for given in formats:
        made = client.embeddings.create(
            model="text-embedding-3-small",
            input=["one", "one two"],
            dimensions=16,
            encoding_format=given,
        )
        assert [len(each.embedding) for each in made.data] == [16, 16]
        assert made.data[0].embedding != made.data[1].embedding
        assert (made.usage.prompt_tokens, made.usage.total_tokens) == (3, 3)


def files(client: OpenAI) -> None:
    size = 200_000
    content = b"".join(pattern.pieces(size))
    made = client.files.create(file=("data.jsonl", content), purpose="user_data")
    assert (made.filename, made.bytes, made.purpose) == ("data.jsonl", size, "user_data")
    assert client.files.retrieve(made.id).to_dict()["sha256"] == hashlib.sha256(content).hexdigest()
    assert client.files.content(made.id).read() == content
    assert made.id in [file.id for file in client.files.list()]
    assert client.files.delete(made.id).deleted
    assert made.id not in [file.id for file in client.files.list()]


def images(client: OpenAI) -> None:
    expected = base64.b64encode(image(IMAGE_BYTES)).decode()
    made = client.images.generate(model="gpt-image-1", prompt="a small key")
    assert [each.b64_json for each in made.data or ()] == [expected]
    assert made.usage is not None
    assert (made.usage.input_tokens, made.usage.output_tokens) == (3, 272)
    edited = client.images.edit(
        model="gpt-image-1", prompt="a small key", image=("key.png", image(500), "image/png"), n=2
    )
    assert [each.b64_json for each in edited.data or ()] == [expected, expected]
    assert edited.usage is not None
    assert edited.usage.input_tokens_details.image_tokens == 272


def images_stream(client: OpenAI) -> None:
    with client.images.generate(
        model="gpt-image-1", prompt="a small key", stream=True, partial_images=2
    ) as stream:
        events = [*stream]
    assert [event.type.rpartition(".")[2] for event in events] == [
        "partial_image",
        "partial_image",
        "completed",
    ]
    last = events[-1]
    assert last.type == "image_generation.completed"
    assert last.usage.total_tokens == 275


def transcription(client: OpenAI) -> None:
    made = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=RECORDING)
    assert made.text == TEXT
    assert made.usage is not None
    assert made.usage.type == "tokens"
    assert (made.usage.input_tokens, made.usage.output_tokens) == (30, 3)
    timed = client.audio.transcriptions.create(
        model="whisper-1", file=RECORDING, response_format="verbose_json"
    )
    assert timed.usage is not None
    assert timed.usage.seconds == 3


def transcription_stream(client: OpenAI) -> None:
    with client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=RECORDING, stream=True
    ) as stream:
        events = [*stream]
    assert [event.type for event in events[:3]] == ["transcript.text.delta"] * 3
    last = events[-1]
    assert last.type == "transcript.text.done"
    assert last.usage is not None
    assert (last.text, last.usage.total_tokens) == (TEXT, 33)


def speech(client: OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="coral", input=QUESTION
    ) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert b"".join(answer.iter_bytes()) == SPEECH


CALLS: Final[Mapping[str, Callable[[OpenAI], None]]] = {
    call.__name__: call
    for call in (
        *(models, chat, chat_stream, responses, responses_stream, embeddings, files),
        *(images, images_stream, transcription, transcription_stream, speech),
    )
}
