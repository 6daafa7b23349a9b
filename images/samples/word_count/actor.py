"""Counts the words of its message, which is text or a file of UTF-8 sent as bytes.

Progress goes to the log. The result is JSON: how many words, how many different ones, and the
twenty that occur most.
"""

import re
from collections import Counter

from abaco_runtime import get_binary_message, get_context, send_result

WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
LINES_BETWEEN_REPORTS = 1000
SHOWN = 20


def read_message():
    """The text of the message, whichever way it came."""
    text = get_context().raw_message
    if text is None:
        text = get_binary_message().decode("utf-8", errors="replace")
    return text


def count_words(text):
    """How often each word occurs, in lower case."""
    counts = Counter()
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        counts.update(word.lower() for word in WORD.findall(line))
        if number % LINES_BETWEEN_REPORTS == 0:
            print(f"{number} of {len(lines)} lines, {counts.total()} words so far")
    return counts


def main():
    counts = count_words(read_message())
    print(f"{counts.total()} words, {len(counts)} different ones")
    send_result(
        {
            "words": counts.total(),
            "different": len(counts),
            "most_common": [list(pair) for pair in counts.most_common(SHOWN)],
        }
    )


if __name__ == "__main__":
    main()
