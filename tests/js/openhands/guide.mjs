// A client as the public guide describes it: handlers of `oh_event` by `source`, `type` and
// `action`, and one message sent in the guide's form.
//
// node guide.mjs URL OPTIONS MESSAGE; OPTIONS as JSON.

import { io } from "socket.io-client";
import { report } from "../lib/reports.mjs";

const [url, options, message] = process.argv.slice(2);
const socket = io(url, JSON.parse(options));

socket.on("connect", () => report("connected"));
socket.on("connect_error", (error) => report("connection error", error.message));
socket.on("disconnect", (reason) => {
  report("disconnected", reason);
  process.exit(0);
});

socket.on("oh_event", (event) => {
  if (event.source === "agent" && event.type === "message") {
    report("agent says", event.message);
    socket.disconnect();
  } else if (event.action === "run") {
    report("command executed", { command: event.args.command, result: event.result ?? null });
  }
});

socket.emit("oh_user_action", { type: "message", source: "user", message });
