"""Sends a message on, to itself or to another actor, by a nonce, until a number has come to 0.

Register it with `"token": true` and send {"start": true, "iterations": 3}. It makes a nonce for
itself, good for so many messages, and sends itself the first. From there on the nonce, which
travels in the message, is all that is needed: the second and later executions show no token.

With a `partner`, an actor of the same image, the message goes back and forth between the two:
{"start": true, "iterations": 3, "partner": {"actor": "<its id>", "nonce": "<a nonce for it>"}}.
"""

import json
import os
import sys
import urllib.error
import urllib.request

from abaco_runtime import get_context, send_result

USAGE = 'this actor takes {"start": true, "iterations": 3}'


def post(path, body, headers=None):
    """A request to the Abaco that runs this execution; the answer's result."""
    request = urllib.request.Request(
        f"{os.environ['_abaco_api_server'].rstrip('/')}/actors/v2/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["result"]
    except urllib.error.HTTPError as refusal:
        sys.exit(f"{refusal.code} {refusal.read().decode()}")


def make_nonce(actor_id, uses):
    """The only request that needs this execution's own token."""
    token = os.environ.get("_abaco_access_token")
    if not token:
        sys.exit('no token to make a nonce with: register this actor with "token": true')
    terms = {"level": "EXECUTE", "maxUses": uses}
    return post(f"{actor_id}/nonces", terms, {"Authorization": f"Bearer {token}"})["id"]


def send_on(left, receiver, sender):
    """One less for the receiver, who answers to the sender; or the end."""
    print(f"{left} left")
    if left <= 0:
        send_result("done")
        return
    body = {"left": left - 1, "receiver": sender, "sender": receiver}
    post(f"{receiver['actor']}/messages?x-nonce={receiver['nonce']}", body)


def main():
    context = get_context()
    message = context.message_dict
    if message.get("start"):
        iterations = int(message.get("iterations", 3))
        myself = {"actor": context.actor_id, "nonce": make_nonce(context.actor_id, iterations)}
        send_on(iterations, message.get("partner") or myself, myself)
    elif "left" in message:
        send_on(message["left"], message["receiver"], message["sender"])
    else:
        sys.exit(USAGE)


if __name__ == "__main__":
    main()
