"""A client of python-socketio, sync or async, that does one of everything and reports what came back.

usage: client.py sync|async URL TRANSPORTS
"""

import asyncio
import inspect
import json
import sys
import threading

import socketio

# The sync client calls each handler in a separate thread.
reporting = threading.Lock()


def report(name, value=None):
    with reporting:
        print(json.dumps([name, shown(value)]), flush=True)


def shown(value):
    if isinstance(value, bytes):
        return {"$bytes": list(value)}
    if isinstance(value, (list, tuple)):
        return [shown(part) for part in value]
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items()}
    return value


async def done(result):
    """Return the result of a method of either client."""
    return await result if inspect.isawaitable(result) else result


async def run(client, url, transports):
    loop = asyncio.get_running_loop()
    heard = {name: asyncio.Event() for name in ("back", "said")}

    def hear(name, *args):
        report(name, args)
        loop.call_soon_threadsafe(heard[name].set)

    async def until(name):
        await asyncio.wait_for(heard[name].wait(), 30)

    client.on("back", lambda *args: hear("back", *args))
    client.on("question", lambda *args: (args[0] + 1, b"\x02"))
    client.on("connect_error", lambda why: report("connect_error", why))
    client.on("disconnect", lambda reason: report("disconnect", reason))
    client.on("said", lambda *args: hear("said", *args), namespace="/other")

    how = {"transports": transports, "wait_timeout": 30}
    try:
        await done(client.connect(url, auth={"token": "wrong"}, namespaces=["/"], **how))
    except socketio.exceptions.ConnectionError:
        report("refused")
    await done(client.disconnect())

    await done(client.connect(url, auth={"token": "right"}, namespaces=["/", "/other"], **how))
    transport = client.transport
    report("connect", transport() if callable(transport) else transport)
    args = (1, "é 😀", None, {"a": [b"\x00\xff", b""]})
    report("ack", await done(client.call("echo", args, timeout=30)))
    # Without attachments: the sync client reads each frame in a thread of its own, and may take
    # one before the text that announced it is parsed.
    await done(client.emit("there", "x" * (900 << 10)))
    await until("back")
    report("asked", await done(client.call("ask me", timeout=30)))
    report("refused by ack", await done(client.call("add", ("one", 2), timeout=30)))
    report("joined", await done(client.call("join", "red", namespace="/other", timeout=30)))
    await until("said")
    await done(client.disconnect())


kinds = {"sync": socketio.Client, "async": socketio.AsyncClient}
kind, url, transports = sys.argv[1:]
asyncio.run(run(kinds[kind](reconnection=False), url, transports.split(",")))
