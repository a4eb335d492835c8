// A browser that follows orders and reports what it sees.
//
// node page.mjs CHROMIUM
// Orders: `goto URL`, `reload`, `forget` (what the tab keeps),
// `click SELECTOR`, `fill SELECTOR TEXT`, `until SELECTOR COUNT` (as many and no
// fewer), `text SELECTOR`, `all SELECTOR ATTRIBUTE`, `image URL` (the page tries to load one), `complaints`.
// It answers each order with `done` and a value, or with `failed` and the reason.

import { chromium } from "playwright-core";
import { onOrder, report } from "../lib/reports.mjs";

const browser = await chromium.launch({
  executablePath: process.argv[2],
  // Only this machine can be reached.
  args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-gpu"],
});
const page = await browser.newPage();
page.setDefaultTimeout(30_000);

const complaints = [];
page.on("console", (said) => {
  if (said.type() === "error" || said.type() === "warning") complaints.push(said.text());
});
page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
page.on("dialog", (dialog) => {
  complaints.push(`dialog: ${dialog.message()}`);
  dialog.dismiss();
});
await page.addInitScript(() =>
  addEventListener("securitypolicyviolation", (violation) =>
    console.error(`policy: ${violation.effectiveDirective} ${violation.blockedURI}`),
  ),
);

const orders = {
  goto: async (url) => (await page.goto(url)).status(),
  forget: async () => {
    await page.evaluate(() => sessionStorage.clear());
    await page.reload();
  },
  reload: async () => void (await page.reload()),
  click: (selector) => page.click(selector),
  fill: (selector, text) => page.fill(selector, text),
  text: (selector) => page.locator(selector).first().innerText(),
  all: (selector, name) =>
    page.locator(selector).evaluateAll((found, name) => found.map((one) => one.getAttribute(name)), name),
  until: async (selector, count) => {
    await page.waitForFunction(
      ([selector, count]) => document.querySelectorAll(selector).length >= count,
      [selector, count],
    );
  },
  image: (url) =>
    page.evaluate(
      (url) =>
        new Promise((resolve) => {
          const image = new Image();
          image.onload = () => resolve("loaded");
          image.onerror = () => resolve("refused");
          image.src = url;
        }),
      url,
    ),
  complaints: async () => complaints.splice(0),
};

let turn = Promise.resolve();
onOrder((name, ...args) => {
  turn = turn.then(async () => {
    if (name === "close") {
      await browser.close();
      process.exit(0);
    }
    try {
      report("done", (await orders[name](...args)) ?? null);
    } catch (error) {
      report("failed", `${name} ${args}: ${error.message}`);
    }
  });
});
report("ready");
