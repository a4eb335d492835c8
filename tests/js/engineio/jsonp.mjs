// A browser that polls by scripts and forms, on a page of another origin: messages of every kind
// go to an echo server and come back.
// usage: jsonp.mjs CHROMIUM URL ORIGIN

import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { report } from "../lib/reports.mjs";

const [executablePath, url, origin] = process.argv.slice(2);
const client = createRequire(import.meta.url).resolve("engine.io-client-3/engine.io.js");
// Otherwise a public page may not send requests to this machine.
const args = ["--disable-features=LocalNetworkAccessChecks"];
const browser = await chromium.launch({ executablePath, args });
const page = await browser.newPage();
page.on("pageerror", (error) => report("uncaught", error.message));
await page.route(`${origin}/**`, (route) =>
  route.fulfill({ contentType: "text/html", body: "<!doctype html><title>a page</title>" }),
);
await page.goto(`${origin}/`);
await page.addScriptTag({ path: client });

const seen = await page.evaluate(async (url) => {
  const messages = {
    text: "hello",
    "empty text": "",
    unicode: "€ é 漢字 😀 \u0000 \u007f \u2028 \u2029",
    // No carriage return: forms change it, and the client does not account for that.
    "line feeds": "one\ntwo\\nthree\\\\nfour",
    markup: "</script><!-- \"quotes\" 'and' & %41",
    "large text": "0123456789abcdef".repeat(20_000),
    binary: Uint8Array.of(0, 1, 2, 254, 255).buffer,
  };
  const socket = new eio.Socket(url, { transports: ["polling"], forceJSONP: true });
  socket.binaryType = "arraybuffer";
  const received = [];
  const same = (sent, got) =>
    typeof sent === "string"
      ? (got ?? "") === sent
      : String(new Uint8Array(sent)) === String(new Uint8Array(got));
  await new Promise((done, failed) => {
    socket.on("open", () => Object.values(messages).forEach((message) => socket.send(message)));
    socket.on("message", (message) => {
      received.push(message);
      if (received.length === Object.keys(messages).length) socket.close();
    });
    socket.on("close", done);
    socket.on("error", failed);
  });
  return {
    same: Object.fromEntries(
      Object.entries(messages).map(([kind, sent], at) => [kind, same(sent, received[at])]),
    ),
    scripts: performance.getEntriesByType("resource").filter((one) => one.initiatorType === "script").length > 0,
    requests: performance.getEntriesByType("resource").filter((one) => one.initiatorType === "xmlhttprequest").length,
  };
}, url);
report("seen", seen);
await browser.close();
