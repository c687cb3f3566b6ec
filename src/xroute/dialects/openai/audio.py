"""What requests for audio and images have in common, as OpenAI, Groq, Mistral and others have them.

https://platform.openai.com/docs/api-reference/audio · https://console.groq.com/docs/speech-to-text
https://docs.mistral.ai/capabilities/audio_transcription · https://docs.together.ai/docs/speech-to-text
all read 2026-11-21.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import read
from xroute.dialects.openai.encode import OWN
from xroute.wire import form
from xroute.wire.form import Field, File
from xroute.wire.usage import Usage

_PLAIN = {"text": "json", "srt": "verbose_json", "vtt": "verbose_json"}


def encode(body: Json, *, upstream: str, quirks: Quirks) -> Encoded:
    """The client's form under the provider's names, its files as they came.

    A text is asked for as `json` and subtitles as `verbose_json`, from which the client's side makes them:
    these say what was used, and not every provider has the others.
    """
    wanted = body.get("response_format")
    if wanted in _PLAIN:
        body = {**body, "response_format": _PLAIN[wanted]}
    return form_of(*named(body, upstream, quirks)[:2])


def named(body: Json, upstream: str, quirks: Quirks) -> Encoded:
    """A body under the provider's names, without what is addressed to us."""
    sent = {name: value for name, value in body.items() if name not in OWN and value is not None}
    sent["model"] = upstream
    dropped = tuple(name for name in sent if name in quirks.drop and name != "model")
    for name in dropped:
        del sent[name]
    for name, theirs in quirks.rename.items():
        if name in sent:
            sent.setdefault(theirs, sent.pop(name))
    return Encoded(sent, dropped)


def form_of(body: Json, dropped: tuple[str, ...] = (), *, brackets: bool = True) -> Encoded:
    """A request that is a form: lists become several fields, whose names end in brackets as OpenAI has it."""
    ending = "[]" if brackets else ""
    fields = [field for name, value in body.items() for field in _fields(name, value, ending)]
    # The files last: a server may then read the texts before the file is in.
    fields.sort(key=lambda field: isinstance(field.value, File))
    pieces, media = form.write(fields)
    return Encoded({}, dropped, (("content-type", media),), pieces)


def _fields(name: str, value: Any, ending: str) -> Iterable[Field]:
    if codec.is_list(value):
        return [Field(name + ending, _text(each)) for each in value]
    return [Field(name, _text(value))]


def _text(value: Any) -> str | File:
    if isinstance(value, str | File):
        return value
    return codec.write(value).decode()


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    if not isinstance(body.get("text"), str):
        raise Malformed("the provider's answer has no text")
    given: Any = body.get("usage")
    usage = usage_of(given)
    if usage is not None:
        body["usage"] = usage_body(given, usage)
    return Answer(body, usage, content=True)


def usage_of(given: Any) -> Usage | None:
    """Tokens of audio or of images; None where something else is counted, as seconds are."""
    if not codec.is_object(given) or not tokens.has_counts(given):
        return None
    if codec.is_object(details := given.get("input_token_details")):  # audio's, of one letter less
        return tokens.read({**given, "input_tokens_details": details})
    usage, details = tokens.read(given), given.get("input_tokens_details")
    if usage is None or not codec.is_object(details) or "image_tokens" not in details:
        return usage
    return _with_images(usage, details, given.get("output_tokens_details"))


def _with_images(usage: Usage, ins: Json, outs: Any) -> Usage:
    """Image tokens have rates of their own. What comes out is an image, unless the provider says else."""
    out = tokens.count(outs.get("image_tokens")) if codec.is_object(outs) else None
    return replace(
        usage,
        image_in=min(tokens.count(ins.get("image_tokens")) or 0, usage.input),
        image_out=usage.output if out is None else min(out, usage.output),
    )


def usage_body(given: Json, usage: Usage) -> Json:
    """OpenAI's usage object of audio; the provider's own fields stay."""
    return {
        "type": "tokens",
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "input_token_details": {"audio_tokens": usage.audio_in, "text_tokens": usage.input - usage.audio_in},
        **given,
    }
