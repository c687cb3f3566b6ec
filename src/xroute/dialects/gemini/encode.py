"""The client's body as Gemini's generateContent takes it.

https://ai.google.dev/api/generate-content, read 2026-11-21; google-genai 3.4.0, types.py.
"""

import re
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.gemini import thought
from xroute.dialects.gemini.contents import Contents
from xroute.dialects.gemini.family import Family, family_of
from xroute.dialects.gemini.schema import whole
from xroute.dialects.gemini.tools import Tools
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN

UNSUPPORTED = frozenset(
    {
        "logit_bias",
        "min_p",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "repetition_penalty",
        "safety_identifier",
        "top_a",
        "user",
        "verbosity",
    }
)

# Fields whose value stays as it is -> their name in generationConfig.
_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "n": "candidateCount",
    "seed": "seed",
    "stop": "stopSequences",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
# Gemini's own fields, in either spelling, -> where they stand.
_NATIVE_TOP = {
    "safety_settings": "safetySettings",
    "cached_content": "cachedContent",
    "labels": "labels",
    "model_armor_config": "modelArmorConfig",
    "continuation_token": "continuationToken",
    "store": "store",
}
_NATIVE_CONFIG = {
    "thinking_config": "thinkingConfig",
    "image_config": "imageConfig",
    "speech_config": "speechConfig",
    "media_resolution": "mediaResolution",
    "audio_timestamp": "audioTimestamp",
    "routing_config": "routingConfig",
    "response_modalities": "responseModalities",
    "enable_enhanced_civic_answers": "enableEnhancedCivicAnswers",
}
_READ = frozenset(
    {
        *OWN,
        *_CONFIG,
        "audio",
        "extra_body",
        "function_call",
        "functions",
        "google",
        "include_reasoning",
        "messages",
        "metadata",
        "modalities",
        "model",
        "parallel_tool_calls",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "service_tier",
        "stream",
        "stream_options",
        "tool_choice",
        "tools",
        "web_search_options",
    }
)
_TIERS = {"default": "standard", "flex": "flex", "priority": "priority"}
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")  # of Google Cloud: keys and values
_WHOLE = 2**31  # seeds are 32 bits wide
TRACES = "include_server_side_tool_invocations"  # a provider that lacks it has this word in its quirks


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's body is never changed. The model is no part of what is sent: it stands in the path."""
    request = _Request(body, family_of(upstream), quirks, abilities)
    request.read(output)
    return Encoded({**request.sent, **quirks.force}, tuple(dict.fromkeys(request.dropped)))


class _Request:
    """One request on its way into Gemini's form."""

    def __init__(self, body: Json, family: Family, quirks: Quirks, abilities: frozenset[str] | None) -> None:
        self.dropped = [name for name in body if name in quirks.drop and body[name] is not None]
        self._body = {k: v for k, v in body.items() if v is not None and k not in quirks.drop}
        self._given = _natives(self._body)
        self._family = family
        self._quirks = quirks
        self._abilities = abilities
        self._config: Json = {}
        self.sent: Json = {}

    def read(self, output: int | None) -> None:
        contents = Contents(self._family, self.dropped)
        contents.read(self._body.get("messages"))
        tools = Tools(self._body, self.dropped)
        if not self._family.mixes:
            tools.separate()
        self._settings()
        self._modalities()
        self._format(tools)
        if thinking := thought.config(self._body, self._family, output, self.dropped):
            self._config["thinkingConfig"] = thinking
        if contents.parts.resolution:
            self._config["mediaResolution"] = contents.parts.resolution
        self._parallel()
        if contents.parts.is_marked or tools.is_marked:
            self.dropped.append("cache_control")  # prefixes are cached without being asked
        self._assemble(contents, tools)

    def _assemble(self, contents: Contents, tools: Tools) -> None:
        """The request in the order in which Google's documentation has it; Gemini's own fields win."""
        self.sent["contents"] = contents.turns
        if contents.system:
            self.sent["systemInstruction"] = {"parts": contents.system}
        if found := tools.body():
            self.sent["tools"] = found
        if config := tools.config(self._family, traces=TRACES not in self._quirks.drop) | self._own(
            "tool_config"
        ):
            self.sent["toolConfig"] = config
        self._natives()
        if config := self._config | self._own("generation_config"):
            self.sent["generationConfig"] = config
        self._around()

    def _settings(self) -> None:
        """generationConfig, as far as its values are those of OpenAI."""
        body = self._body
        if _CONFIG.keys().isdisjoint(body):
            return
        for name, theirs in _CONFIG.items():
            if name in body:
                self._config[theirs] = body[name]
        if isinstance(stop := self._config.get("stopSequences"), str):
            self._config["stopSequences"] = [stop]
        if self._config.get("candidateCount") == 1:
            del self._config["candidateCount"]
        if self._config.get("responseLogprobs") is False:
            del self._config["responseLogprobs"]
        seed: Any = self._config.get("seed")
        if isinstance(seed, int) and not -_WHOLE <= seed < _WHOLE:
            self._config["seed"] = seed % _WHOLE

    def _modalities(self) -> None:
        """Sound comes alone, an image with or without text: https://ai.google.dev/gemini-api/docs/speech-generation."""
        wanted: Any = self._body.get("modalities")
        words = {word for word in wanted if isinstance(word, str)} if codec.is_list(wanted) else set[str]()
        if "audio" in words:
            self._config["responseModalities"] = ["AUDIO"]
        elif "image" in words:
            self._config["responseModalities"] = ["TEXT", "IMAGE"] if "text" in words else ["IMAGE"]
        audio: Any = self._body.get("audio")
        if not codec.is_object(audio):
            return
        voice: Any = audio.get("voice")
        if isinstance(voice, str):
            self._config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
        if audio.get("format") not in (None, "pcm16"):
            self.dropped.append("audio.format")

    def _format(self, tools: Tools) -> None:
        """JSON natively, or through a forced tool where the model takes no schema beside functions."""
        wanted: Any = self._body.get("response_format")
        kind: Any = wanted.get("type") if codec.is_object(wanted) else None
        if kind not in ("json_object", "json_schema"):
            if wanted is not None and kind != "text":
                self.dropped.append("response_format")
            return
        inner: Any = wanted.get("json_schema")
        schema: Any = inner.get("schema") if codec.is_object(inner) else None
        if tools.functions and tools.choice.mode == "NONE" and not self._family.mixes:
            tools.forget()
        if self._can("json_schema" if kind == "json_schema" else "json_mode") and (
            self._family.mixes or not tools.functions
        ):
            self._config["responseMimeType"] = "application/json"
            if schema is not None:
                self._config["responseJsonSchema"] = whole(schema)
        elif schema is not None and self._can("tools") and tools.choice.mode != "ANY":
            tools.answer_with(schema)
        else:
            self.dropped.append("response_format")

    def _can(self, ability: str) -> bool:
        return self._abilities is None or ability in self._abilities

    def _parallel(self) -> None:
        """Several calls at once are the default, and nothing forbids them."""
        if self._body.get("parallel_tool_calls") is False:
            self.dropped.append("parallel_tool_calls")

    def _own(self, name: str) -> Json:
        found: Any = self._given.get(name)
        return found if codec.is_object(found) else {}

    def _natives(self) -> None:
        if not self._given:
            return
        for name, theirs in _NATIVE_TOP.items():
            if name in self._given:
                self.sent[theirs] = self._given[name]
        for name, theirs in _NATIVE_CONFIG.items():
            if name in self._given:
                self._config[theirs] = self._given[name]

    def _around(self) -> None:
        """Labels, the service tier, and the names of what is left."""
        if labels := self._labels():
            own: Any = self.sent.get("labels")
            self.sent["labels"] = {**labels, **(own if codec.is_object(own) else {})}
        tier: Any = self._body.get("service_tier")
        if tier in _TIERS:
            self.sent["serviceTier"] = _TIERS[tier]
        elif tier not in (None, "auto"):
            self.dropped.append("service_tier")
        self.dropped += [
            name for name in self._body if name not in _READ and _SPELLED.get(name) not in self._given
        ]

    def _labels(self) -> Json:
        """Metadata that can be labels: https://cloud.google.com/resource-manager/docs/labels-overview."""
        metadata: Any = self._body.get("metadata")
        if not codec.is_object(metadata):
            return {}
        fit = {name: value for name, value in metadata.items() if _is_label(name) and _is_label(value)}
        self.dropped += [f"metadata.{name}" for name in metadata if name not in fit]
        return fit


def _natives(body: Json) -> Json:
    """Gemini's own fields by snake-case name: of the body, or where clients of Google's endpoint put them.

    https://ai.google.dev/gemini-api/docs/openai ("extra_body"), read 2026-11-21.
    """
    if _HOLDERS.isdisjoint(body):
        return {}
    extra: Any = body.get("extra_body")
    holders = [body, body.get("google"), extra.get("google") if codec.is_object(extra) else None]
    found: Json = {}
    for holder in holders:
        if codec.is_object(holder) and not _SPELLED.keys().isdisjoint(holder):
            found |= {ours: holder[name] for name, ours in _SPELLED.items() if holder.get(name) is not None}
    return found


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


# Either spelling of Gemini's own fields -> the first of them; the second wins, so it follows.
_SPELLED = {
    spelled: name
    for name in (*_NATIVE_TOP, *_NATIVE_CONFIG, "tool_config", "generation_config")
    for spelled in (name, _camel(name))
}


_HOLDERS = frozenset({*_SPELLED, "extra_body", "google"})


def _is_label(value: Any) -> bool:
    return isinstance(value, str) and _LABEL.fullmatch(value) is not None
