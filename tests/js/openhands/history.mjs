// Clients that join, leave and come back while events are appended; then the proof that each saw
// every id exactly once and in order. The server may be killed and started again meanwhile.
//
// node history.mjs URL CONVERSATION EVENTS CLIENTS
// Reports `acked` as it goes, and at the end `proven` with the figures, or `refuted` with why.

import { io } from "socket.io-client";
import { report } from "../lib/reports.mjs";

const [url, conversation, eventsArg, clientsArg] = process.argv.slice(2);
const events = Number(eventsArg);
const clients = Number(clientsArg);
const WINDOW = 64;

const fail = (why) => {
  report("refuted", why);
  process.exit(1);
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function dial(latest, transports) {
  return io(url, {
    transports,
    forceNew: true,
    reconnection: false,
    timeout: 5000,
    query: { conversation_id: conversation, latest_event_id: latest },
  });
}

// What the log must hold: acknowledged contents, and those whose ack never came.
const acked = new Set();
const unsure = new Set();

// Appends one content after the other; an action without an ack is not sent again.
async function append() {
  let next = 0;
  while (next < events) {
    const socket = dial(1e9, ["websocket"]);
    const open = await new Promise((resolve) => {
      socket.on("connect", () => resolve(true));
      socket.on("connect_error", () => resolve(false));
    });
    if (!open) {
      socket.close();
      await pause(50);
      continue;
    }
    await new Promise((resolve) => {
      let waiting = 0;
      socket.on("disconnect", resolve);
      const more = () => {
        if (next >= events && waiting === 0) return resolve();
        while (waiting < WINDOW && next < events && socket.connected) {
          const content = `event ${next++}`;
          waiting += 1;
          unsure.add(content);
          const action = { action: "message", args: { content } };
          socket.emit("oh_user_action", action, (refusal) => {
            if (refusal) fail(`${content} was refused: ${refusal.error}`);
            unsure.delete(content);
            acked.add(content);
            waiting -= 1;
            if (acked.size % 100 === 0) report("acked", acked.size);
            more();
          });
        }
      };
      more();
    });
    socket.close();
  }
}

let done = false;
let end = Infinity;
let connections = 0;

// One client over all its connections.
async function follow(number) {
  const seen = [];
  const kinds = [["websocket"], ["polling", "websocket"], ["polling"]];
  while (true) {
    const last = seen.length ? seen.at(-1).id : -1;
    if (last >= end) return seen;
    connections += 1;
    const socket = dial(last, kinds[(number + connections) % kinds.length]);
    await new Promise((resolve) => {
      // Once the end is known nobody leaves before it has come.
      const behind = () => done && (seen.at(-1)?.id ?? -1) < end;
      const leave = () => (behind() ? setTimeout(leave, 20) : resolve());
      socket.on("oh_event", (event) => {
        if (event.id === undefined) return;
        const expected = seen.length ? seen.at(-1).id + 1 : 0;
        if (event.id !== expected) {
          fail(`client ${number} got ${event.id}, expected ${expected}`);
        }
        seen.push({ id: event.id, content: event.args?.content });
        if (event.id >= end) resolve();
      });
      socket.on("connect", () => setTimeout(leave, 10 + Math.random() * 400));
      socket.on("connect_error", resolve);
      socket.on("disconnect", resolve);
    });
    // Half of them go without a word.
    if (Math.random() < 0.5) socket.io.engine?.transport?.ws?.terminate?.();
    socket.close();
    await pause(Math.random() * 60);
  }
}

const followers = Array.from({ length: clients }, (_, number) => follow(number));
await append();
const answer = await fetch(`${url}/api/conversations/${conversation}/events?reverse=true&limit=1`);
end = (await answer.json()).events[0].id;
done = true;
const histories = await Promise.all(followers);

const [first, ...others] = histories;
for (const history of others) {
  for (const [at, event] of history.entries()) {
    if (event.content !== first[at].content) fail(`id ${event.id} has two contents`);
  }
}
const stored = first.map((event) => event.content);
const once = new Set(stored);
if (once.size !== stored.length) fail("a content was stored twice");
for (const content of acked) {
  if (!once.has(content)) fail(`${content} was acknowledged and is lost`);
}
const figures = { events: stored.length, acked: acked.size, unsure: unsure.size, connections };
process.stdout.write(`${JSON.stringify(["proven", figures])}\n`, () => process.exit(0));
