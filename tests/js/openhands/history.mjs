// Clients join, leave and come back while events are appended. Then the script proves that each saw
// every id exactly once and in order. The server may be killed and restarted meanwhile.
//
// node history.mjs URL OPTIONS; OPTIONS as JSON: conversations (ids), and for each of them events,
// clients and slow (clients that pause now and then); padding (more characters of a content); keys
// (the first is the writer's, the clients take turns).
// Reports `acked` along the way, and at the end `proven` with the figures, or `refuted` with the reason.

import { io } from "socket.io-client";
import { report } from "../lib/reports.mjs";

const [url, options] = process.argv.slice(2);
const { conversations, events, clients, slow = 0, padding = 0, keys = [] } = JSON.parse(options);
const WINDOW = 64;
const PAUSE_AFTER = 40;

const fail = (why) => {
  report("refuted", why);
  process.exit(1);
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The ways to send a key, in turn.
const ways = [
  (options, key) => (options.query.session_api_key = key),
  (options, key) => (options.auth = { session_api_key: key }),
  (options, key) => (options.extraHeaders = { "x-session-api-key": key }),
];
let dialled = 0;

function dial(conversation, latest, transports, key) {
  const query = { conversation_id: conversation, latest_event_id: latest };
  const options = { transports, forceNew: true, reconnection: false, timeout: 5000, query };
  dialled += 1;
  if (key) ways[dialled % ways.length](options, key);
  const socket = io(url, options);
  // A server that is down is expected; a refusal is not.
  socket.on("connect_error", ({ message }) => {
    if (/session_api_key|not allowed/.test(message)) fail(`${conversation}: ${message}`);
  });
  return socket;
}

let allAcked = 0;
let pauses = 0;
let connections = 0;

async function prove(conversation) {
  // What the log must hold: acknowledged contents, and those whose ack never came.
  const acked = new Set();
  const unsure = new Set();

  // Appends one content after the other; an action without an ack is not sent again.
  async function append() {
    let next = 0;
    while (next < events) {
      const socket = dial(conversation, 1e9, ["websocket"], keys[0]);
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
            const content = `${conversation} ${next++} ${"x".repeat(padding)}`;
            waiting += 1;
            unsure.add(content);
            const action = { action: "message", args: { content } };
            socket.emit("oh_user_action", action, (refusal) => {
              if (refusal) fail(`${content.trimEnd()} was refused: ${refusal.error}`);
              unsure.delete(content);
              acked.add(content);
              waiting -= 1;
              allAcked += 1;
              if (allAcked % 100 === 0) report("acked", allAcked);
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

  // One client over all its connections.
  async function follow(number) {
    const seen = [];
    const isSlow = number >= clients;
    const kinds = isSlow ? [["websocket"]] : [["websocket"], ["polling", "websocket"], ["polling"]];
    while (true) {
      const last = seen.length ? seen.at(-1).id : -1;
      if (last >= end) return seen;
      connections += 1;
      const transports = kinds[(number + connections) % kinds.length];
      const socket = dial(conversation, last, transports, keys[number % keys.length]);
      await new Promise((resolve) => {
        // Once the last id is known, no client leaves before it has received it.
        const behind = () => done && (seen.at(-1)?.id ?? -1) < end;
        const leave = () => (behind() ? setTimeout(leave, 20) : resolve());
        socket.on("oh_event", (event) => {
          if (event.id === undefined) return;
          const expected = seen.length ? seen.at(-1).id + 1 : 0;
          if (event.id !== expected) {
            fail(`client ${number} got ${event.id}, expected ${expected}`);
          }
          seen.push({ id: event.id, content: event.args?.content });
          const ws = isSlow && seen.length % PAUSE_AFTER === 0 && socket.io.engine.transport.ws;
          if (ws) {
            pauses += 1;
          ws.pause();
            setTimeout(() => ws.resume(), 50);
          }
          if (event.id >= end) resolve();
        });
        // A slow client stays until everything is written, to fall as far behind as possible.
        const stay = () => (isSlow && !done ? setTimeout(stay, 20) : leave());
        socket.on("connect", () => setTimeout(stay, 10 + Math.random() * 400));
        socket.on("connect_error", resolve);
        socket.on("disconnect", resolve);
      });
      // Half of them leave without closing.
      if (Math.random() < 0.5) socket.io.engine?.transport?.ws?.terminate?.();
      socket.close();
      await pause(Math.random() * 60);
    }
  }

  const followers = Array.from({ length: clients + slow }, (_, number) => follow(number));
  await append();
  const path = `${url}/api/conversations/${conversation}/events?reverse=true&limit=1`;
  const headers = keys[0] ? { "x-session-api-key": keys[0] } : {};
  const answer = await fetch(path, { headers });
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
  return { events: stored.length, acked: acked.size, unsure: unsure.size };
}

const proofs = await Promise.all(conversations.map(prove));
const sum = (name) => proofs.reduce((sum, proof) => sum + proof[name], 0);
const figures = {
  events: sum("events"),
  acked: sum("acked"),
  unsure: sum("unsure"),
  connections,
  pauses,
};
process.stdout.write(`${JSON.stringify(["proven", figures])}\n`, () => process.exit(0));
