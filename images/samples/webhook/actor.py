"""Posts its message to a URL as JSON, with retries and headers of your own.

Register it with `defaultEnvironment`: URL, and if wanted HEADERS (an object), RETRIES_VAR (3),
TIMEOUT_VAR (seconds, 5) and BACKOFF_FAC (1: waits 1, 2, 4 ... seconds between tries). Then let
other actors name its id as their `link`: their events become its messages. An actor's own
`webhook` is simpler; this is for what needs a login, or more patience.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

from abaco_runtime import get_context, send_result
from abaco_runtime.message import parse

TOO_MANY_REQUESTS = 429


def setting(name, default):
    """A number of the environment; Abaco makes text of all of them."""
    return float(os.environ.get(name) or default)


def request_for(url, body):
    headers = {"Content-Type": "application/json"}
    given = os.environ.get("HEADERS")
    if given:
        # An object in defaultEnvironment arrives as Python text.
        headers.update(parse(given))
    return urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)


def post(request):
    """The status of the answer, or what kept it from coming."""
    try:
        with urllib.request.urlopen(request, timeout=setting("TIMEOUT_VAR", 5)) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError as error:
        return str(error)


def may_change(outcome):
    """Whether the same request may be taken later: no answer, a busy receiver, a broken one."""
    return isinstance(outcome, str) or outcome == TOO_MANY_REQUESTS or outcome >= 500


def main():
    url = os.environ.get("URL")
    if not url:
        sys.exit("nowhere to post to: register the actor with URL in its defaultEnvironment")
    context = get_context()
    request = request_for(url, context.message_dict or {"message": context.raw_message})
    retries = int(setting("RETRIES_VAR", 3))
    for attempt in range(retries + 1):
        outcome = post(request)
        print(f"Try {attempt + 1}: {outcome}")
        if not may_change(outcome):
            break
        if attempt < retries:
            time.sleep(setting("BACKOFF_FAC", 1) * 2**attempt)
    send_result({"tries": attempt + 1, "outcome": outcome})
    if isinstance(outcome, str) or outcome >= 400:
        sys.exit("not delivered")


if __name__ == "__main__":
    main()
