// Reads and writes every vector with the parsers of the npm registry; reports each that disagrees.
// usage: vectors.mjs FOLDER

import { deepStrictEqual } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodePacket, decodePayload, encodePacket, encodePayload } from "engine.io-parser";
import { Decoder, Encoder, PacketType } from "socket.io-parser";
import { report, revived } from "./lib/reports.mjs";

const read = (name) => JSON.parse(readFileSync(join(process.argv[2], name)));
let agreed = 0;

/** Runs one comparison. */
function agree(wire, compare) {
  try {
    compare();
    agreed += 1;
  } catch (error) {
    report("disagrees", { wire, why: error.message });
  }
}

/** A packet as the vectors write it: no keys without a value. */
const bare = (packet) =>
  Object.fromEntries(Object.entries(packet).filter(([, value]) => value !== undefined));

const engine = read("engine_packets.json");
for (const { wire, ...packet } of engine.packets) {
  const meant = revived(packet);
  agree(wire, () => deepStrictEqual(bare(decodePacket(wire, "nodebuffer")), meant));
  // Synchronous unless a Blob is to be read.
  encodePacket(meant, false, (written) => agree(wire, () => deepStrictEqual(written, wire)));
}
for (const wire of engine.refused) {
  agree(wire, () => deepStrictEqual(decodePacket(wire).type, "error"));
}

const payloads = read("engine_payloads.json");
for (const { wire, packets } of payloads.payloads) {
  const meant = packets.map((packet) => decodePacket(packet, "nodebuffer"));
  agree(wire, () => deepStrictEqual(decodePayload(wire, "nodebuffer"), meant));
  encodePayload(meant, (written) => agree(wire, () => deepStrictEqual(written, wire)));
}
for (const wire of payloads.refused) {
  agree(wire, () => deepStrictEqual(decodePayload(wire).at(-1).type, "error"));
}

const socket = read("socket_packets.json");
for (const { wire, type, namespace: nsp, id, data } of socket.packets) {
  const meant = bare({ type: PacketType[type], nsp, id, data: revived(data) });
  agree(wire, () => {
    const [packet, ...more] = decoded(wire);
    deepStrictEqual(more, []);
    deepStrictEqual({ ...packet, type: plain(packet.type) }, meant);
  });
  agree(wire, () => {
    const written = new Encoder().encode({ ...meant });
    deepStrictEqual(written.map((part) => (Buffer.isBuffer(part) ? [...part] : part)), wire);
  });
}
for (const wire of socket.refused) {
  agree(wire, () => {
    let refused = false;
    try {
      decoded(wire);
    } catch {
      refused = true;
    }
    deepStrictEqual(refused, true);
  });
}

report("agreed", agreed);

/** The packets in text and attachments. */
function decoded(wire) {
  const decoder = new Decoder();
  const packets = [];
  decoder.on("decoded", (packet) => packets.push(bare(packet)));
  for (const part of wire) decoder.add(Array.isArray(part) ? Buffer.from(part) : part);
  return packets;
}

/** A binary event is an event to its reader; `attachments` is gone by then. */
function plain(type) {
  if (type === PacketType.BINARY_EVENT) return PacketType.EVENT;
  if (type === PacketType.BINARY_ACK) return PacketType.ACK;
  return type;
}
