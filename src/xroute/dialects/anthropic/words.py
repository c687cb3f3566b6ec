"""Words that both directions of the dialect share."""

from xroute.dialects.openai import words

FORMAT = "anthropic-claude-v1"  # `format` of reasoning_details that this dialect can read back
ANSWER = "xroute_answer"  # the tool that stands for response_format where a model has no such field

_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",  # to be sent back as it is; a client sees it in native_finish_reason
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_of(reason: object, called: bool) -> str:
    """OpenAI's finish reason for a stop_reason; `called`: the answer has tool calls for the client.

    https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons, read 2026-11-21.
    """
    if not isinstance(reason, str):
        return "tool_calls" if called else "stop"
    word = _FINISHES.get(reason) or words.translate(reason) or "stop"
    return "stop" if word == "tool_calls" and not called else word
