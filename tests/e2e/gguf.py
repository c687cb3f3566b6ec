"""A tiny language model with random weights in llama.cpp's file format, GGUF version 3.

It says nonsense, and the same nonsense every time: enough to be served by the real server.
The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, read 2026-11-21.
"""

import math
import random
import struct
from array import array
from pathlib import Path

ALIGNMENT = 32
UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # kinds of tokens

WIDTH, HEADS, HIDDEN, CONTEXT = 32, 4, 64, 512
LETTERS = "\u2581abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!<>|\n"
WORDS = ["\u2581tiny", "\u2581model", "\u2581says", "\u2581this", "\u2581and", "\u2581that", "\u2581again"]
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"
)

Dims = tuple[int, ...]


def write_model(path: Path) -> None:
    """One layer of the llama architecture, about 100 KB."""
    tokens = _tokens()
    tensors = _tensors(len(tokens), random.Random(7))
    facts = _facts(tokens)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts)) + b"".join(facts)
    data = b""
    for name, (dims, values) in tensors.items():
        size = struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
        head += _text(name) + size + struct.pack("<IQ", 0, len(data))  # 0: 32-bit floats
        data += _padded(array("f", values).tobytes())
    path.write_bytes(_padded(head) + data)


def _tokens() -> list[tuple[str, int]]:
    """(text, kind); letters and bytes together spell anything."""
    special = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    bytes_ = [(f"<0x{value:02X}>", BYTE) for value in range(256)]
    return special + bytes_ + [(text, NORMAL) for text in (*LETTERS, *WORDS)]


def _facts(tokens: list[tuple[str, int]]) -> list[bytes]:
    kinds = [kind for _, kind in tokens]
    numbers = {
        "llama.vocab_size": len(tokens),
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": HIDDEN,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": HEADS,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    texts = {
        "general.architecture": "llama",
        "general.name": "tiny",
        "tokenizer.ggml.model": "llama",
        "tokenizer.chat_template": TEMPLATE,
    }
    return [
        *(_fact(name, STRING, _text(value)) for name, value in texts.items()),
        *(_fact(name, UINT32, struct.pack("<I", value)) for name, value in numbers.items()),
        _fact("llama.attention.layer_norm_rms_epsilon", FLOAT32, struct.pack("<f", 1e-5)),
        _list("tokenizer.ggml.tokens", STRING, [_text(text) for text, _ in tokens]),
        _list("tokenizer.ggml.scores", FLOAT32, [struct.pack("<f", -float(n)) for n in range(len(tokens))]),
        _list("tokenizer.ggml.token_type", INT32, [struct.pack("<i", kind) for kind in kinds]),
    ]


def _tensors(vocabulary: int, dice: random.Random) -> dict[str, tuple[Dims, list[float]]]:
    """Sizes, the inner one first, and values; rows of 0 in the output keep all but words from being said."""

    def drawn(*dims: int) -> tuple[Dims, list[float]]:
        return dims, [dice.gauss(0, 1 / math.sqrt(WIDTH)) for _ in range(math.prod(dims))]

    def ones(width: int) -> tuple[Dims, list[float]]:
        return (width,), [1.0] * width

    silent = vocabulary - len(WORDS)
    output = [0.0] * (silent * WIDTH) + drawn(WIDTH, len(WORDS))[1]
    return {
        "token_embd.weight": drawn(WIDTH, vocabulary),
        "output_norm.weight": ones(WIDTH),
        "output.weight": ((WIDTH, vocabulary), output),
        "blk.0.attn_norm.weight": ones(WIDTH),
        **{f"blk.0.attn_{part}.weight": drawn(WIDTH, WIDTH) for part in ("q", "k", "v", "output")},
        "blk.0.ffn_norm.weight": ones(WIDTH),
        "blk.0.ffn_gate.weight": drawn(WIDTH, HIDDEN),
        "blk.0.ffn_up.weight": drawn(WIDTH, HIDDEN),
        "blk.0.ffn_down.weight": drawn(HIDDEN, WIDTH),
    }


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _fact(name: str, kind: int, value: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + value


def _list(name: str, kind: int, values: list[bytes]) -> bytes:
    return _fact(name, ARRAY, struct.pack("<IQ", kind, len(values)) + b"".join(values))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
