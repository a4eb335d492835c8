// Sockets of socket.io-client that do as the test says and report all that happens to them.

import { io } from "socket.io-client";
import { ignoreOrders, onOrder, report } from "../lib/reports.mjs";

const sockets = new Map();

const orders = {
  open(name, url, options) {
    const socket = io(url, options);
    sockets.set(name, socket);
    const tell = (kind, value) => report(name, [kind, value]);
    socket.on("connect", () => tell("connect", socket.id));
    socket.on("connect_error", ({ message, data }) => tell("connect_error", { message, data }));
    socket.on("disconnect", (reason) => tell("disconnect", reason));
    socket.onAny((...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : () => {};
      tell("event", args);
      ack(...args.slice(1));
    });
  },
  emit(name, args) {
    sockets.get(name).emit(...args);
  },
  ask(name, events) {
    for (const args of events) {
      sockets.get(name).emit(...args, (...ack) => report(name, ["ack", ack]));
    }
  },
  upgrade(name) {
    const { engine } = sockets.get(name).io;
    const upgraded = () => report(name, ["upgrade", engine.transport.name]);
    if (engine.transport.name === "websocket") upgraded();
    else engine.once("upgrade", upgraded);
  },
  disconnect(name) {
    sockets.get(name).disconnect();
  },
  end() {
    for (const socket of sockets.values()) socket.offAny().off().disconnect();
    ignoreOrders();
  },
};

onOrder((order, ...args) => orders[order](...args));
