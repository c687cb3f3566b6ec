"""Sums of calls by a span of time."""

from sqlalchemy import Column, Index, Integer, String, Table

from xroute.store.tables.column import count, metadata

_KEYS, _MODELS = ("project", "key", "member"), ("model", "provider")
SUMS = (  # of the roll-ups, in their order
    *("calls", "errors", "streams", "tries", "estimated", "unpriced"),
    *("tokens_in", "tokens_out", "cached", "reasoning", "cost_nano", "charged_nano"),
    *("duration_ms", "ttft_ms", "ttfts", "overhead_us"),  # sums; divide by calls, or by ttfts
)


def _rollup(name: str, time: str, *dimensions: str) -> Table:
    """Sums of calls by a span of time; the workspace leads, as every question is one workspace's."""
    # Rows come in the order of time: on PostgreSQL, where they lie as they come, a few bytes for each stretch
    # of the table tell which stretches a question is about.
    stretches = {"pages_per_range": 32, "autosummarize": True}
    by_time = Index(f"ix_{name}_{time}", time, postgresql_using="brin", postgresql_with=stretches)
    return Table(
        name,
        metadata,
        Column("workspace", String, primary_key=True),
        Column(time, Integer, primary_key=True),  # hours or days since 1970 UTC
        *(Column(dimension, String, primary_key=True) for dimension in dimensions),
        *(count(column) for column in SUMS),
        by_time.ddl_if(dialect="postgresql"),
        sqlite_with_rowid=False,  # rows lie in the order of the key, as they are read
    )


# A month by key and by model at once is half a million rows of hours, by one of the two a twentieth of that;
# days of another zone than UTC are added up from hours.
hourly = _rollup("hourly", "hour", *_KEYS, *_MODELS)
hourly_keys = _rollup("hourly_keys", "hour", *_KEYS)
hourly_models = _rollup("hourly_models", "hour", *_MODELS)
daily = _rollup("daily", "day", *_KEYS, *_MODELS)
daily_keys = _rollup("daily_keys", "day", *_KEYS)
daily_models = _rollup("daily_models", "day", *_MODELS)
tagged = _rollup("tagged", "day", "tag", "value")  # by a tag of the request's metadata
ended = _rollup("ended", "day", "user")  # by end user
