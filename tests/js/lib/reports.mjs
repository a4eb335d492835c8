// How a script talks to the test that runs it: reports out, orders in, both as JSON lines.
// Bytes travel as {"$bytes": [1, 2]}.

import { createInterface } from "node:readline";

/** Tells the test one thing. */
export function report(name, value = null) {
  process.stdout.write(`${JSON.stringify([name, shown(value)])}\n`);
}

/** Calls `take` with each order of the test, as arguments, until `ignoreOrders`. */
export function onOrder(take) {
  lines.on("line", (line) => take(...revived(JSON.parse(line))));
  process.stdin.ref?.();
}

/** From here on no order keeps the process alive. (Input from a file never does.) */
export function ignoreOrders() {
  process.stdin.unref?.();
}

/** A value with its bytes as JSON. */
export function shown(value) {
  if (value instanceof ArrayBuffer) return { $bytes: [...new Uint8Array(value)] };
  if (ArrayBuffer.isView(value)) return { $bytes: [...value] };
  return mapped(value, shown);
}

/** The reverse of `shown`. */
export function revived(value) {
  if (value?.$bytes) return Buffer.from(value.$bytes);
  return mapped(value, revived);
}

function mapped(value, map) {
  if (Array.isArray(value)) return value.map(map);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, map(part)]));
}

// The test has ended when the input ends, and nobody reads reports any more.
const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
ignoreOrders();
