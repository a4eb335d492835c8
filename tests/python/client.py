"""A client of python-socketio that does one of everything and reports what came back.

usage: client.py URL TRANSPORTS
"""

import json
import sys

import socketio


def report(name, value=None):
    print(json.dumps([name, shown(value)]), flush=True)


def shown(value):
    if isinstance(value, bytes):
        return {"$bytes": list(value)}
    if isinstance(value, (list, tuple)):
        return [shown(part) for part in value]
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items()}
    return value


url, transports = sys.argv[1], sys.argv[2].split(",")
client = socketio.Client(reconnection=False)
client.on("back", lambda *args: report("back", args))
client.on("question", lambda *args: (args[0] + 1, b"\x02"))
client.on("connect_error", lambda why: report("connect_error", why))
client.on("disconnect", lambda reason: report("disconnect", reason))

try:
    client.connect(url, auth={"token": "wrong"}, transports=transports, wait_timeout=30)
except socketio.exceptions.ConnectionError:
    report("refused")
client.disconnect()

client.connect(url, auth={"token": "right"}, transports=transports, wait_timeout=30)
report("connect", client.transport())
report("ack", client.call("echo", (1, "é 😀", None, {"a": [b"\x00\xff", b""]}), timeout=30))
client.emit("there", ("x" * 100_000, [b"\x01"]))
report("asked", client.call("ask me", timeout=30))
report("refused by ack", client.call("add", ("one", 2), timeout=30))
client.disconnect()
