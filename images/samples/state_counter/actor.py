"""Counts its messages. Register it with `"stateless": false`.

A container is gone after its message; the state stays. Messages of a stateful actor run one after
the other, so the number read is still the right one when its successor is written. (On an Abaco
other than ours also register it with `"token": true`: there the state is written over HTTP.)
"""

from abaco_runtime import get_state, send_result, update_state


def main():
    state = get_state() or {}
    count = state.get("count", 0) + 1
    update_state({"count": count})
    print(f"Message number {count}")
    send_result(count)


if __name__ == "__main__":
    main()
