// Sends messages of every kind to an echo server and reports what came back.
// usage: echo.mjs URL TRANSPORTS CLIENT [CERTIFICATE]

import { readFileSync } from "node:fs";
import { report } from "../lib/reports.mjs";

const [url, transports, client, certificate] = process.argv.slice(2);
// The client of protocol 3 is CommonJS, so its exports are the default export.
const { Socket } = await import(client).then((module) => module.default ?? module);
const large = 500 * 1024;
const messages = {
  text: "hello",
  "empty text": "",
  unicode: "€ é 漢字 😀 \u0000 \u001f \u007f \u2028",
  json: '2["event",{"a":[1,2,3]}]',
  binary: Buffer.from([0, 1, 2, 254, 255]),
  "large text": "0123456789abcdef".repeat(large / 16),
  "large unicode": "€".repeat(large / 4),
  "large binary": Buffer.from(Array.from({ length: large }, (_, i) => (i * 31) % 256)),
  // Last, because the client counts what it sends after this as NaN bytes and ignores maxPayload.
  "empty binary": Buffer.alloc(0),
};

const socket = new Socket(url, {
  transports: transports.split(","),
  ca: certificate && readFileSync(certificate),
});
const left = Object.entries(messages);

socket.on("open", () => {
  report("open", socket.transport.name);
  for (const message of Object.values(messages)) socket.send(message);
});
socket.on("message", (received) => {
  const [kind, sent] = left.shift() ?? ["more than was sent"];
  report(kind, same(sent, received));
  if (left.length === 0) socket.close();
});
socket.on("close", (reason) => report("close", reason));

function same(sent, received) {
  // The client's parser gives a message without data as undefined.
  if (typeof sent === "string") return (received ?? "") === sent;
  if (typeof received === "string") return false;
  return sent.equals(Buffer.from(received));
}
