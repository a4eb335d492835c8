"""python-socketio on aiohttp, until its input ends. EVENT is the JSON of one event; ids begin at FIRST."""

import asyncio
import json
import os
import socket
import sys
import threading

import socketio
from aiohttp import web

event = json.loads(os.environ["EVENT"])
first = int(os.environ["FIRST"])
sio = socketio.AsyncServer(async_mode="aiohttp")


@sio.event
async def echo(sid, value):
    return value


@sio.event
async def bin(sid, data):
    await sio.emit("bin", data, to=sid)


@sio.event
async def cast(sid):
    await sio.emit("news", event)


@sio.event
async def burst(sid):
    for number in range(first, first + 10_000):
        await sio.emit("oh_event", {**event, "id": number}, to=sid)


async def main():
    app = web.Application()
    sio.attach(app)
    listener = socket.create_server(("127.0.0.1", 0))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    await asyncio.Event().wait()


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
asyncio.run(main())
