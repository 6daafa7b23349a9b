"""Sizes, counts and times that both ends of a wire must agree on. Sizes are bytes."""

from datetime import timedelta

KIB = 1024
MIB = 1024 * KIB

MAX_BINARY_MESSAGE = 500_000_000
"""Abaco's `max_content_length` (abaco-api.md, section 7)."""

MAX_DATAGRAM_RESULT = 131_072
"""One datagram to `/_abaco_results.sock` is one result of at most this many bytes (section 8)."""

MAX_PAYLOAD = 1024 * MIB
"""What goes by reference: a part of a call, or a result that our own runtime hands over as a
file."""

MAX_BATCH = 1000
"""Messages, or execution ids, in one request of ours."""

MAX_STATE = 16 * MIB
"""An actor's state as JSON, handed over by our own runtime."""

MAX_ENVIRONMENT_VALUE = 131_071
"""Linux's MAX_ARG_STRLEN less its closing zero: `NAME=value` of one environment variable."""

MAX_LOG_CHARACTERS = 1_000_000
LOG_TRUNCATED = " LOG LIMIT EXCEEDED; this execution log was TRUNCATED!"

RESULT_LIFETIME = timedelta(minutes=60)
LOG_LIFETIME = timedelta(seconds=43_200)
MAX_LOG_LIFETIME = timedelta(seconds=86_400)

MAX_WORKERS = 6
"""Workers of one actor that sets no `maxWorkers` (section 15)."""

MAX_START_ATTEMPTS = 6
"""Failed starts in a row after which an execution and its actor are in ERROR (section 11)."""

MAX_BUILD_FILES = 50 * MIB
"""All extra files of one build together."""
