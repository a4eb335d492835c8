"""A bridge to OpenHands as people write them with python-socketio: it makes a conversation over REST,
talks in it, goes away while something happens, and comes back where it was.

usage: bridge.py sync|async URL KEY
"""

import asyncio
import inspect
import json
import sys
import threading
import urllib.request

import socketio

kind, url, key = sys.argv[1:]
HEADERS = {"X-Session-API-Key": key}
reporting = threading.Lock()


def report(name, value=None):
    with reporting:
        print(json.dumps([name, value]), flush=True)


def post(path, body):
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **HEADERS}
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=30) as answer:
        return json.load(answer)


async def done(result):
    return await result if inspect.isawaitable(result) else result


class Visit:
    """One connection: collects the ids that it sees, until it has as many as it should."""

    def __init__(self, loop, count):
        self.loop, self.count, self.ids = loop, count, []
        self.all = asyncio.Event()
        self.client = socketio.AsyncClient() if kind == "async" else socketio.Client()
        self.client.on("oh_event", self.on_event)
        self.client.on("connect_error", lambda why: report("connect_error", why))

    def on_event(self, event):
        # Status messages have no id.
        if "id" not in event:
            return
        self.ids.append(event["id"])
        if len(self.ids) == self.count:
            self.loop.call_soon_threadsafe(self.all.set)

    async def begin(self, conversation, latest):
        # Polling first, as the library does when it is told nothing; a provider nobody knows of.
        query = f"conversation_id={conversation}&latest_event_id={latest}&providers_set=github"
        await done(self.client.connect(f"{url}?{query}", headers=HEADERS, wait_timeout=30))

    async def say(self, name, text):
        args = {"content": text, "image_urls": None, "file_urls": [], "timestamp": "2026-11-22T00:00:00Z"}
        action = {"action": "message", "args": args, "timestamp": 1.5, "extra": {"of": "the bridge"}}
        await done(self.client.emit(name, action))

    async def end(self, name):
        await asyncio.wait_for(self.all.wait(), 30)
        report(name, {"ids": self.ids, "transport": self.client.transport()})
        await done(self.client.disconnect())


async def main():
    loop = asyncio.get_running_loop()
    conversation = post("/api/conversations", {"initial_user_msg": "hello"})["conversation_id"]
    first = Visit(loop, 3)
    await first.begin(conversation, -1)
    await first.say("oh_user_action", "one")
    await first.say("oh_action", "two")
    await first.end("first")

    post(f"/api/conversations/{conversation}/message", {"message": "while away"})
    second = Visit(loop, 2)
    await second.begin(conversation, max(first.ids))
    await second.say("oh_user_action", "back")
    await second.end("second")


asyncio.run(main())
