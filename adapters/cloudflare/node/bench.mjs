// What a request costs the Worker: CPU time of workerd, from /proc, over many requests with the demo provider.
//
//   WORKJET_WORKER=… node bench.mjs [REQUESTS]
//
// `cargo xtask worker bench` sets the variable. Linux only. All of the home is in that process: D1, KV, R2 and the objects
// are simulated by it, so this is more than Cloudflare counts for the Worker alone.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import readline from "node:readline";

const requests = Number.parseInt(process.argv[2] ?? "500", 10);
const TICK_MS = 10;

const [program, ...rest] = process.env.WORKJET_WORKER.split("\n");
const child = spawn(program, rest, { stdio: ["pipe", "pipe", "ignore"] });
const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const token = "a-token-for-one-run-of-the-benchmark";
const keys = { WORKJET_KEK: "0".repeat(64), WORKJET_LOG_KEY: "1".repeat(64) };
child.stdin.write(JSON.stringify({ config: "", vars: { ...keys, BOOTSTRAP_TOKEN: token } }) + "\n");
const { url } = JSON.parse((await lines.next()).value);

// workerd is the child of the process that we started.
function workerd() {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      if (stat.includes("(workerd)") && stat.split(") ")[1].split(" ")[1] === String(child.pid)) return pid;
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error("workerd is not there");
}
const pid = workerd();
function cpu() {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

async function measure(what, count, ask) {
  for (let warm = 0; warm < 50; warm++) await ask();
  const [began, from] = [cpu(), performance.now()];
  for (let n = 0; n < count; n++) await ask();
  const [spent, took] = [cpu() - began, performance.now() - from];
  console.log(`${what.padEnd(44)} ${(spent / count).toFixed(2)} ms CPU  ${(took / count).toFixed(2)} ms`);
}

const before = cpu();
await fetch(`${url}/v1/models`).then((reply) => reply.arrayBuffer());
console.log(`${"first request of an isolate".padEnd(44)} ${cpu() - before} ms CPU`);
const bootstrap = await fetch(`${url}/admin/v1/bootstrap`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
const { key } = await bootstrap.json();
const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
const words = "Mira asks for the invoice of last week; her card is 4111 1111 1111 1111 and she lives in Ghent. ";
const chat = (bytes, stream) => {
  const content = words.repeat(Math.ceil(bytes / words.length)).slice(0, bytes);
  const body = JSON.stringify({ model: "demo", stream, messages: [{ role: "user", content }] });
  return () => fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body }).then((reply) => reply.arrayBuffer());
};
const get = (path) => () => fetch(`${url}${path}`, { headers }).then((reply) => reply.arrayBuffer());
await measure("GET /healthz", requests, get("/healthz"));
await measure("GET /v1/models (a key looked up in D1)", requests, get("/v1/models"));
await measure("chat, 50 bytes", requests, chat(50, false));
await measure("chat, 2 KB, six detectors both ways", requests, chat(2000, false));
await measure("chat, 2 KB, streamed", requests, chat(2000, true));
child.stdin.end();
