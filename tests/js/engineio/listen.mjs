// Reports what happens to one client. Orders: ["send", message], ["close"].
// usage: listen.mjs URL TRANSPORTS

import { Socket } from "engine.io-client";
import { ignoreOrders, onOrder, report } from "../lib/reports.mjs";

const [url, transports] = process.argv.slice(2);
const socket = new Socket(url, { transports: transports.split(",") });

socket.on("open", () => report("open", socket.transport.name));
socket.on("upgrade", (transport) => report("upgrade", transport.name));
socket.on("message", (message) => report("message", message));
socket.on("ping", () => report("ping"));
socket.on("close", (reason) => {
  report("close", reason);
  ignoreOrders();
});
socket.on("error", (error) => report("error", error.message));

onOrder((order, message) => {
  if (order === "send") socket.send(message);
  if (order === "close") socket.close();
});
