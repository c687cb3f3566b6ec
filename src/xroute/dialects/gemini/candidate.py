"""The fields around a candidate's parts, in canonical form."""

from typing import Any

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.gemini import words
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# What is kept whole, under the name it has in the message.
MESSAGE = {
    "groundingMetadata": "grounding_metadata",
    "citationMetadata": "citation_metadata",
    "urlContextMetadata": "url_context_metadata",
}
# What is kept whole, under the name it has in the choice.
CHOICE = {
    "safetyRatings": "safety_ratings",
    "finishMessage": "finish_message",
    "avgLogprobs": "avg_logprobs",
    "continuationToken": "continuation_token",
}


def reason_of(candidate: Json) -> str | None:
    """The provider's word for why the candidate ended; None where it has not."""
    reason: Any = candidate.get("finishReason")
    if isinstance(reason, int):
        return words.NUMBERS.get(reason, str(reason)) if reason else None
    return reason if isinstance(reason, str) and reason else None


def kept(candidate: Json, names: dict[str, str]) -> Json:
    """Fields of the candidate under our names."""
    if names.keys().isdisjoint(candidate):
        return {}
    return {ours: candidate[theirs] for theirs, ours in names.items() if candidate.get(theirs) is not None}


def refusal_of(body: Json) -> tuple[str, str] | None:
    """(reason, text) of a prompt that was blocked; None where it was not."""
    feedback: Any = body.get("promptFeedback")
    if not codec.is_object(feedback) or not isinstance(reason := feedback.get("blockReason"), str):
        return None
    said: Any = feedback.get("blockReasonMessage")
    return reason, said if isinstance(said, str) and said else f"The prompt was blocked: {reason}."


def failure_of(reason: str, choice: Json) -> ErrorInfo | None:
    """The error that a choice without any content stands for; None where it is an answer all the same."""
    if reason not in words.BROKEN:
        return None
    said: Any = choice.get("finish_message")
    text = said if isinstance(said, str) and said else "the model gave no answer"
    return ErrorInfo(f"{reason}: {text}", code=reason.lower(), type="error")


def logprobs_of(result: Any) -> Json | None:
    """OpenAI's logprobs: https://ai.google.dev/api/generate-content#LogprobsResult, read 2026-11-21."""
    if not codec.is_object(result) or not codec.is_list(chosen := result.get("chosenCandidates")):
        return None
    tops: Any = result.get("topCandidates")
    content: list[Json] = []
    for place, entry in enumerate(chosen):
        if (token := _token(entry)) is None:
            continue
        top: Any = tops[place] if codec.is_list(tops) and place < len(tops) else None
        others: Any = top.get("candidates") if codec.is_object(top) else None
        found = [_token(other) for other in others] if codec.is_list(others) else []
        content.append({**token, "top_logprobs": [other for other in found if other is not None]})
    return {"content": content, "refusal": None}


def _token(entry: Any) -> Json | None:
    """A token whose probability is too small to tell has none; OpenAI writes -9999 for it."""
    if not codec.is_object(entry) or not isinstance(token := entry.get("token", ""), str):
        return None
    number: Any = entry.get("logProbability", 0.0)
    if number.__class__ not in (int, float):
        number = -9999.0
    return {"token": token, "logprob": number, "bytes": list(token.encode("utf-8", "surrogatepass"))}
