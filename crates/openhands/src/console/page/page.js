// The page: a list of conversations, and one of them live. The one that is open stands behind the `#`
// of the address, so that a reload shows it again.

import { element, shown, status } from "./events.js";
import { KeyWanted, ask, keepKey, key } from "./rest.js";
import { Socket } from "./socket.js";

const MOST_EVENTS = 2_000;
const PAGE = 20;
const MOST_LISTED = 100;
const LIST_EVERY = 10_000;

const at = (id) => document.getElementById(id);
const tell = (place, text) => {
  place.textContent = text ?? "";
  place.hidden = !text;
};
const path = (id, rest = "") => `/api/conversations/${encodeURIComponent(id)}${rest}`;

let listed = PAGE;
let open = null;

/** Runs what may fail, and says why in `place`. A key that is wanted is asked for. */
async function trying(place, work) {
  try {
    const done = await work();
    tell(place, null);
    return done;
  } catch (error) {
    if (error instanceof KeyWanted) wantKey();
    else tell(place, error.message);
    return undefined;
  }
}

function wantKey() {
  keepKey(null);
  at("key-form").hidden = false;
  at("key").focus();
}

/** The list, newest first. */
const list = () =>
  trying(at("list-error"), async () => {
    const { results, next_page_id } = await ask("GET", `/api/conversations?limit=${listed}`);
    const items = results.map(({ conversation_id, title, status: is }) => {
      const button = element("button", { type: "button", "data-id": conversation_id }, title);
      button.append(element("small", {}, `${conversation_id} · ${is.toLowerCase()}`));
      button.setAttribute("aria-current", String(conversation_id === open?.id));
      button.addEventListener("click", () => (location.hash = encodeURIComponent(conversation_id)));
      return element("li", {}, button);
    });
    at("conversations").replaceChildren(...items);
    at("more").hidden = next_page_id === null || listed >= MOST_LISTED;
  });

const STATES = {
  connecting: "connecting…",
  live: "live",
  lost: "connection lost, trying again…",
  ended: "stopped",
};

/** One conversation: what was received last is where the next connection goes on. */
class Conversation {
  last = -1;

  constructor(id) {
    this.id = id;
    this.socket = new Socket({
      query: () => ({
        conversation_id: id,
        latest_event_id: String(this.last),
        ...(key() === null ? {} : { session_api_key: key() }),
      }),
      onEvent: ([name, event]) => name === "oh_event" && this.take(event),
      onState: (state, why) => this.state(state, why),
    });
    this.socket.open();
  }

  take(event) {
    if (event.id === undefined) {
      const { title, trouble } = status(event);
      if (title) at("title").textContent = title;
      if (trouble) tell(at("note"), trouble);
      return;
    }
    this.last = event.id;
    const events = at("events");
    const isAtEnd = events.scrollHeight - events.scrollTop - events.clientHeight < 80;
    events.append(shown(event));
    if (events.childElementCount > MOST_EVENTS) {
      events.firstElementChild.remove();
      at("older").hidden = false;
    }
    if (isAtEnd) events.scrollTop = events.scrollHeight;
  }

  state(state, why) {
    at("state").textContent = STATES[state] ?? state;
    at("state").dataset.state = state;
    at("send").disabled = state !== "live";
    at("start").hidden = state !== "ended";
    at("stop").hidden = state !== "live";
    if (state === "live") tell(at("note"), null);
    if (state !== "refused") return;
    if (/key/i.test(why)) wantKey();
    tell(at("note"), why);
  }
}

/** Shows what the address names. */
function show() {
  let id = "";
  try {
    id = decodeURIComponent(location.hash.slice(1));
  } catch {
    // No name of a conversation.
  }
  if (id === (open?.id ?? "")) return;
  open?.socket.close();
  open = null;
  at("welcome").hidden = id !== "";
  at("conversation").hidden = id === "";
  snippet(id);
  if (id !== "") {
    at("events").replaceChildren();
    at("older").hidden = true;
    at("title").textContent = id;
    tell(at("note"), null);
    open = new Conversation(id);
    naming(id);
  }
  list();
}

const naming = (id) =>
  trying(at("note"), async () => {
    const found = await ask("GET", path(id));
    if (found && open?.id === id) at("title").textContent = found.title;
  });

/** The guide's example, for this server. */
function snippet(id) {
  at("snippet").textContent = `import { io } from "socket.io-client";

const socket = io("${location.origin}", {
  transports: ["websocket"],
  query: { conversation_id: ${JSON.stringify(id || "your-conversation-id")}, latest_event_id: -1 },
});

socket.on("oh_event", (event) => {
  if (event.source === "agent" && event.type === "message") {
    console.log("Agent says:", event.message);
  } else if (event.action === "run") {
    console.log("Command executed:", event.args.command);
  }
});

socket.emit("oh_user_action", { type: "message", source: "user", message: "Hello!" });`;
}

at("say").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const content = at("text").value;
  if (content.trim() === "") return;
  at("text").value = "";
  const args = { content, image_urls: [], file_urls: [], timestamp: new Date().toISOString() };
  try {
    const [refusal] = await open.socket.emit("oh_user_action", { action: "message", args });
    if (refusal) throw new Error(refusal.error);
    tell(at("note"), null);
  } catch (error) {
    // It may be stored all the same: only the reader can tell whether to send it again.
    at("text").value ||= content;
    tell(at("note"), `Not confirmed: ${error.message} Look whether it is above before you send it again.`);
  }
});
at("text").addEventListener("keydown", (press) => {
  if (press.key !== "Enter" || press.shiftKey || press.isComposing) return;
  press.preventDefault();
  if (!at("send").disabled) at("say").requestSubmit();
});
at("new").addEventListener("click", () =>
  trying(at("list-error"), async () => {
    const { conversation_id } = await ask("POST", "/api/conversations", {});
    location.hash = encodeURIComponent(conversation_id);
  }),
);
at("more").addEventListener("click", () => {
  listed = Math.min(listed + PAGE, MOST_LISTED);
  list();
});
at("stop").addEventListener("click", () =>
  trying(at("note"), () => ask("POST", path(open.id, "/stop"))).then(list),
);
at("start").addEventListener("click", () =>
  trying(at("note"), async () => {
    await ask("POST", path(open.id, "/start"), { providers_set: [] });
    open.socket.open();
  }).then(list),
);
at("leave").addEventListener("click", () => (location.hash = ""));
at("key-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  keepKey(at("key").value);
  at("key").value = "";
  at("key-form").hidden = true;
  tell(at("note"), null);
  list();
  open?.socket.open();
});
addEventListener("hashchange", show);
setInterval(() => document.hidden || at("key-form").hidden === false || list(), LIST_EVERY);

at("address").textContent = location.origin;
snippet("");
list();
show();
