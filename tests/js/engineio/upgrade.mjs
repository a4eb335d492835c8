// Many clients begin with polling and upgrade, and send and receive numbered messages meanwhile.
// The server keeps its own counts; "end" asks it how many messages it sent and received.
// usage: upgrade.mjs URL CLIENTS

import { setTimeout as pause } from "node:timers/promises";
import { Socket } from "engine.io-client";
import { report } from "../lib/reports.mjs";

const [url, clients] = process.argv.slice(2);
const after = 20;

async function client() {
  const socket = new Socket(url, { transports: ["polling", "websocket"] });
  const closed = new Promise((done) => socket.on("close", done));
  const received = [];
  const ended = new Promise((done) => {
    socket.on("message", (message) => {
      if (!message.startsWith("end ")) return received.push(Number(message));
      done(message.slice(4).split(" ").map(Number));
    });
  });
  let upgraded = false;
  socket.on("upgrade", () => (upgraded = true));
  let reason;
  closed.then((why) => (reason = why));

  await new Promise((done) => socket.on("open", done));
  let sent = 0;
  for (let rest = after; rest > 0 && !reason; rest -= upgraded ? 1 : 0) {
    socket.send(String(sent++));
    await pause(10);
  }
  socket.send("end");
  const [theirs, got] = await Promise.race([ended, closed.then(() => [-1, -1])]);
  const lost = reason;
  socket.close();
  return {
    lost,
    upgraded: socket.transport.name === "websocket",
    sent: sent === got,
    received: received.length === theirs && received.every((number, at) => number === at),
    before: sent - after,
  };
}

const all = await Promise.all(Array.from({ length: Number(clients) }, client));
report("clients", {
  upgraded: all.filter((one) => one.upgraded).length,
  lost: all.map((one) => one.lost).filter(Boolean),
  sent: all.filter((one) => one.sent).length,
  received: all.filter((one) => one.received).length,
  messagesBeforeUpgrade: all.reduce((sum, one) => sum + one.before, 0),
});
