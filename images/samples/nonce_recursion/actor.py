"""Two actors that message each other, one of them by a nonce alone.

Register it with `"stateless": false, "token": true` and send {"start": true, "iterations": 3}.

1. It makes a second actor of the same image, without a token, and a nonce for itself.
2. It sends the second actor the nonce. That one answers through it: a nonce is all it needs.
3. Its state says how many iterations are left. After the last it deletes the second actor.
"""

import json
import os
import sys
import urllib.error
import urllib.request

from abaco_runtime import get_context, get_state, send_result, update_state


def call(method, path, body=None, nonce=None):
    """A request to Abaco by the nonce, else by this execution's token; the answer's result."""
    url = os.environ["_abaco_api_server"].rstrip("/") + "/actors/v2" + path
    headers = {"Content-Type": "application/json"}
    if nonce:
        url += f"?x-nonce={nonce}"
    else:
        headers["Authorization"] = "Bearer " + os.environ["_abaco_access_token"]
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["result"]
    except urllib.error.HTTPError as refusal:
        sys.exit(f"{method} {path}: {refusal.code} {refusal.read().decode()}")


def start(actor_id, iterations):
    """Make what the recursion needs, and send the first message."""
    partner = call("POST", "", {"image": get_context().actor_repo, "token": False})["id"]
    terms = {"level": "EXECUTE", "maxUses": iterations}
    nonce = call("POST", f"/{actor_id}/nonces", terms)["id"]
    update_state({"partner": partner, "left": iterations})
    print(f"Made a partner and a nonce for {iterations} uses")
    call("POST", f"/{partner}/messages", {"answer": actor_id, "nonce": nonce})


def answer(actor_id, nonce):
    """The second actor: back to the first, with the nonce it was sent."""
    call("POST", f"/{actor_id}/messages", {"nonce": nonce}, nonce=nonce)
    print("Answered")


def go_on(actor_id, nonce):
    """The first actor, answered: once more, or the end."""
    state = get_state()
    left = state["left"] - 1
    update_state({"partner": state["partner"], "left": left})
    print(f"{left} iterations left")
    if left:
        call("POST", f"/{state['partner']}/messages", {"answer": actor_id, "nonce": nonce})
        return
    call("DELETE", f"/{state['partner']}")
    send_result("done")


def main():
    context = get_context()
    message = context.message_dict
    if message.get("start"):
        start(context.actor_id, int(message.get("iterations", 3)))
    elif "answer" in message:
        answer(message["answer"], message["nonce"])
    elif "nonce" in message:
        go_on(context.actor_id, message["nonce"])
    else:
        sys.exit('this actor takes {"start": true, "iterations": 3}')


if __name__ == "__main__":
    main()
