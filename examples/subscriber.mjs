// A subscriber in JavaScript that takes each adjustment exactly once, whatever is redelivered, killed or failed over.
//
//   npm install mqtt
//   node subscriber.mjs --broker mqtt://localhost:1883 --store taken.jsonl
//
// What is taken is one line in the store, the position (epoch, sequence) with it, on disk before the broker is told that the
// message arrived. Whatever dies in between, the message comes again, and is known.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import mqtt from "mqtt";

const KEPT_S = 30 * 86_400; // how long the broker keeps our session while we are away
const TYPE = "alvh.hedge.adjustment.v1";

const { values: options } = parseArgs({
  options: {
    broker: { type: "string", default: "mqtt://localhost:1883" },
    topics: { type: "string", default: "alvh/main/portfolio/+/adjustment" },
    store: { type: "string", default: "taken.jsonl" },
  },
});

const positions = recall(options.store);
const store = openSync(options.store, "a");

const client = mqtt.connect(options.broker, {
  protocolVersion: 5,
  clientId: "alvh-subscriber-js",
  clean: false,
  properties: { sessionExpiryInterval: KEPT_S },
  reconnectPeriod: 1000,
});
client.on("connect", () => client.subscribe(options.topics, { qos: 1 }));
client.on("error", (error) => say(`broker: ${error.message}`));
// The broker is answered when `done` is called: behind the write, never before it.
client.handleMessage = (packet, done) => {
  try {
    take(packet.topic, packet.payload);
    done();
  } catch (error) {
    say(`cannot go on: ${error.message}`);
    process.exit(1); // unacknowledged: it comes again at the next start
  }
};
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => client.end(false, {}, () => process.exit(0)));
}

// Write one adjustment, unless it has been taken.
function take(topic, payload) {
  const message = parsed(topic, payload);
  if (message === null) return;
  const { subject: portfolio, epoch, sequence: padded } = message;
  const sequence = Number(padded);
  const known = positions.get(portfolio);
  if (known !== undefined && sequence <= known.sequence) {
    if (epoch <= known.epoch) return;
    say(`ALARM: the log of ${message.source} was reset: ${message.id} comes after sequence ${known.sequence}`);
  }
  writeSync(store, JSON.stringify({ portfolio, epoch, sequence, id: message.id, text: message.data.text }) + "\n");
  fsyncSync(store);
  positions.set(portfolio, { epoch, sequence });
  console.log(message.data.text + "\n");
}

// The message, or null with a line that says what is wrong with it.
function parsed(topic, payload) {
  try {
    const message = JSON.parse(payload.toString());
    if (message.type === TYPE && Number.isInteger(message.epoch) && /^\d{20}$/.test(message.sequence)) return message;
    say(`${topic}: no ${TYPE}, left out`);
  } catch (error) {
    say(`${topic}: no JSON, left out: ${error.message}`);
  }
  return null;
}

// The last position of each portfolio; a line that a crash cut short never was taken, and is cut off.
function recall(path) {
  const found = new Map();
  if (!existsSync(path)) return found;
  const written = readFileSync(path);
  const end = written.lastIndexOf("\n") + 1;
  if (end < written.length) truncateSync(path, end);
  for (const line of written.subarray(0, end).toString().split("\n").filter(Boolean)) {
    const { portfolio, epoch, sequence } = JSON.parse(line);
    found.set(portfolio, { epoch, sequence });
  }
  return found;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

process.on("exit", () => closeSync(store));
