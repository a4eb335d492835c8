// Requests of this page, with the key if the server asks for one.

const KEPT = "openhands-session-api-key";

/** The key of this tab, or null. */
export const key = () => sessionStorage.getItem(KEPT);

/** Keeps a key until the tab closes; null forgets it. */
export function keepKey(value) {
  if (value === null) sessionStorage.removeItem(KEPT);
  else sessionStorage.setItem(KEPT, value);
}

/** The server wants another key than the one of this tab. */
export class KeyWanted extends Error {}

/** Asks the server: the answer's JSON, or an error in words for the reader. */
export async function ask(method, path, body) {
  const headers = {};
  if (key() !== null) headers["X-Session-API-Key"] = key();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error("The server does not answer.");
  }
  if (answer.status === 401) throw new KeyWanted("The server asks for a key.");
  const told = await answer.json().catch(() => null);
  if (answer.ok) return told;
  const why = told?.detail ?? told?.error ?? told?.message ?? answer.status;
  throw new Error(typeof why === "string" ? why : JSON.stringify(why));
}
