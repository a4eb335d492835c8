// Sockets of socket.io-client that follow the test's orders and report everything that happens to them.
//
// usage: client.mjs PACKAGE, the name by which a release of socket.io-client is installed

import { onOrder, report } from "../lib/reports.mjs";

let io;
const sockets = new Map();

const orders = {
  async open(name, url, options) {
    const parser = options.parser && (await import(options.parser)).default;
    const socket = io(url, { ...options, parser });
    const it = { socket, reports: true };
    sockets.set(name, it);
    const tell = (kind, value) => it.reports && report(name, [kind, value]);
    socket.on("connect", () =>
      tell("connect", options.tellRecovered ? [socket.id, socket.recovered] : socket.id),
    );
    socket.on("connect_error", ({ message, data }) => tell("connect_error", { message, data }));
    socket.on("disconnect", (reason) => tell("disconnect", reason));
    onEvent(socket, (args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : () => {};
      tell("event", args);
      ack(...args.slice(1));
    });
  },
  emit(name, args) {
    sockets.get(name).socket.emit(...args);
  },
  emitAll(name, events) {
    for (const args of events) sockets.get(name).socket.emit(...args);
  },
  ask(name, events) {
    for (const args of events) {
      sockets.get(name).socket.emit(...args, (...ack) => report(name, ["ack", ack]));
    }
  },
  upgrade(name) {
    const { engine } = sockets.get(name).socket.io;
    const upgraded = () => report(name, ["upgrade", engine.transport.name]);
    if (engine.transport.name === "websocket") upgraded();
    else engine.once("upgrade", upgraded);
  },
  disconnect(name) {
    sockets.get(name).socket.disconnect();
  },
  clear() {
    for (const it of sockets.values()) {
      it.reports = false;
      it.socket.disconnect();
    }
    sockets.clear();
    report("all", ["cleared", null]);
  },
  end() {
    // Exits at once: a GET whose server went before it announced the end stays open for long.
    process.exit(0);
  },
};

/** Calls `take` with every event, its name first. */
function onEvent(socket, take) {
  if (socket.onAny) {
    socket.onAny((...args) => take(args));
    return;
  }
  // Socket.IO 2 has no listener of all events; and it calls a refusal an error.
  socket.onevent = ({ id, data }) => take(id == null ? data : [...data, socket.ack(id)]);
  socket.on("error", (data) => {
    const value = typeof data === "string" ? { message: data } : { data };
    socket.listeners("connect_error").forEach((told) => told(value));
  });
}

// Orders may arrive before the release is loaded, so each waits for the one before it.
let before = import(process.argv[2]).then((release) => {
  io = release.io ?? release.default;
});
onOrder((order, ...args) => {
  before = before.then(() => orders[order](...args));
});
