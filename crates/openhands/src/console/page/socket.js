// As much of a Socket.IO 5 client as this page needs: one namespace, text events, acks, over a
// websocket. Engine.IO packets begin with a digit (0 open, 2 ping, 3 pong, 4 message), and so do the
// Socket.IO packets in their messages (0 connect, 1 disconnect, 2 event, 3 ack, 4 refusal).

const FIRST_WAIT = 300;
const LONGEST_WAIT = 10_000;
const OPENING = 10_000;
const ACKING = 20_000;

/**
 * A connection that comes back by itself. `query()` is asked before each attempt, `onEvent(args)` gets
 * what arrives, and `onState(state, why)` one of: `connecting`, `live`, `lost` (it will try again),
 * `refused` and `ended` (by the server; it will not).
 */
export class Socket {
  #query;
  #onEvent;
  #onState;
  #websocket = null;
  #timer = 0;
  #wait = FIRST_WAIT;
  #acks = new Map();
  #nextAck = 0;

  constructor({ query, onEvent, onState }) {
    this.#query = query;
    this.#onEvent = onEvent;
    this.#onState = onState;
  }

  /** Connects, or does so again. */
  open() {
    this.close();
    this.#onState("connecting");
    const query = new URLSearchParams({ ...this.#query(), EIO: "4", transport: "websocket" });
    const url = new URL(`/socket.io/?${query}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const websocket = new WebSocket(url);
    this.#websocket = websocket;
    let patience = OPENING;
    const alive = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#lost(websocket), patience);
    };
    alive();
    websocket.onmessage = ({ data }) => {
      if (websocket !== this.#websocket || typeof data !== "string") return;
      if (data[0] === "0") {
        const { pingInterval, pingTimeout } = JSON.parse(data.slice(1));
        patience = pingInterval + pingTimeout;
        websocket.send("40");
      }
      alive();
      if (data[0] === "2") websocket.send("3");
      if (data[0] === "1") this.#lost(websocket);
      if (data[0] === "4") this.#packet(websocket, data.slice(1));
    };
    websocket.onclose = () => this.#lost(websocket);
  }

  /** Leaves, without trying again. */
  close() {
    clearTimeout(this.#timer);
    const websocket = this.#websocket;
    this.#websocket = null;
    websocket?.close();
    this.#forget();
  }

  /** Sends an event; resolves with the arguments of its ack. */
  emit(...args) {
    const websocket = this.#websocket;
    if (websocket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error("There is no connection."));
    }
    const id = this.#nextAck++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#acked(id, null), ACKING);
      this.#acks.set(id, { resolve, reject, timer });
      websocket.send(`42${id}${JSON.stringify(args)}`);
    });
  }

  #packet(websocket, packet) {
    const rest = packet.slice(1);
    if (packet[0] === "0") {
      this.#wait = FIRST_WAIT;
      this.#onState("live");
    } else if (packet[0] === "1") {
      this.close();
      this.#onState("ended");
    } else if (packet[0] === "2") {
      const at = rest.indexOf("[");
      this.#onEvent(JSON.parse(rest.slice(at)));
      if (at > 0) websocket.send(`43${rest.slice(0, at)}[]`);
    } else if (packet[0] === "3") {
      const at = rest.indexOf("[");
      this.#acked(Number(rest.slice(0, at)), JSON.parse(rest.slice(at)));
    } else if (packet[0] === "4") {
      const why = JSON.parse(rest);
      const message = typeof why === "string" ? why : why.message;
      // These are about the server's state, which passes.
      if (message.startsWith("Failed to ")) return this.#lost(websocket);
      this.close();
      this.#onState("refused", message);
    }
  }

  #acked(id, args) {
    const waiting = this.#acks.get(id);
    if (!waiting) return;
    this.#acks.delete(id);
    clearTimeout(waiting.timer);
    if (args) waiting.resolve(args);
    else waiting.reject(new Error("The server did not answer."));
  }

  #lost(websocket) {
    if (websocket !== this.#websocket) return;
    this.close();
    this.#onState("lost");
    this.#timer = setTimeout(() => this.open(), this.#wait * (0.5 + Math.random()));
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  #forget() {
    for (const id of [...this.#acks.keys()]) this.#acked(id, null);
  }
}
