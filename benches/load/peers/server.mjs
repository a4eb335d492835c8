// Node's socket.io, until its input ends. EVENT is the JSON of one event; ids begin at FIRST.
import { createServer } from "node:http";
import { Server } from "socket.io";

const event = JSON.parse(process.env.EVENT);
const first = Number(process.env.FIRST);
const http = createServer();
const io = new Server(http);
io.on("connection", (socket) => {
  socket.on("echo", (value, ack) => ack(value));
  socket.on("bin", (data) => socket.emit("bin", data));
  socket.on("cast", () => io.emit("news", event));
  socket.on("burst", () => {
    for (let id = first; id < first + 10_000; id++) socket.emit("oh_event", { ...event, id });
  });
});
http.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${http.address().port}`));
process.stdin.on("end", () => process.exit(0)).resume();
