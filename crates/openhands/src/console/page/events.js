// Events as elements. Everything an event says is text: none of it becomes markup.

const MOST_CHARS = 20_000;
const MOST_RAW_CHARS = 65_536;

/** An element with classes, attributes and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const cut = (text) =>
  text.length > MOST_CHARS ? `${text.slice(0, MOST_CHARS)}\n[${text.length} characters]` : text;

/** What an event says in its own words; its message, and what is not in it. */
function words(event) {
  const { action, observation, args = {}, extras = {}, content } = event;
  const parts = [];
  if (observation === "agent_state_changed") {
    parts.push(["p", `The agent is ${extras.agent_state}${extras.reason ? `: ${extras.reason}` : ""}`]);
  } else if (event.message) {
    parts.push(["p", event.message]);
  }
  if (args.thought && args.thought !== event.message) parts.unshift(["p", args.thought]);
  if (action === "write" || action === "edit") {
    parts.push(["pre", args.content || args.new_str || args.file_text || ""]);
  }
  if (content && content !== event.message) parts.push(["pre", content]);
  return parts.filter(([, text]) => typeof text === "string" && text !== "");
}

/** One stored event. */
export function shown(event) {
  const kind = event.action ?? event.observation ?? "event";
  const head = element("small", {}, `#${event.id} ${event.source} · ${kind} · ${event.timestamp ?? ""}`);
  const item = element("li", { "data-id": event.id, "data-source": event.source, "data-kind": kind }, head);
  if (kind === "error" || event.success === false) item.classList.add("failed");
  for (const [name, text] of words(event)) item.append(element(name, {}, cut(text)));
  item.append(raw(event));
  return item;
}

/** The event's JSON, made when somebody wants to see it. */
function raw(event) {
  const text = JSON.stringify(event, null, 2);
  const details = element("details", {}, element("summary", {}, "JSON"));
  const kept = text.length > MOST_RAW_CHARS ? `${text.length} characters: read it by REST.` : text;
  details.addEventListener("toggle", () => details.append(element("pre", {}, kept)), { once: true });
  return details;
}

/** A message of the server that is no event: a text for the reader, and the new title if it is one. */
export function status(message) {
  if (message.conversation_title) return { title: message.conversation_title };
  if (message.error || message.type === "error") return { trouble: message.message || message.id };
  return {};
}
