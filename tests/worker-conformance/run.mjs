// Runs every conformance suite under workerd, each in a Worker of its own with empty stores, and says what came of it.
//
//   WORKJET_WORKER="node\nstart.mjs\n…" node run.mjs [SUITE…]
//
// `cargo xtask worker test` builds the Worker and sets WORKJET_WORKER, the command that starts it (one argument a line).

import { spawn } from "node:child_process";
import readline from "node:readline";

const [program, ...rest] = (process.env.WORKJET_WORKER ?? "").split("\n");
if (!program) throw new Error("WORKJET_WORKER does not say how to start the Worker: run `cargo xtask worker test`");
const PATIENCE = 120_000;
const PANIC = "conformance: ";

/** A Worker with empty stores, and what it says on its console. */
async function start() {
  const child = spawn(program, rest, { stdio: ["pipe", "pipe", "pipe"] });
  const worker = { child, console: "" };
  child.stderr.on("data", (piece) => (worker.console += piece));
  child.stdin.write(JSON.stringify({}) + "\n");
  for await (const line of readline.createInterface({ input: child.stdout })) {
    worker.url = JSON.parse(line).url.replace(/\/$/, "");
    return worker;
  }
  throw new Error(`the Worker did not start: ${worker.console}`);
}

async function stop(worker) {
  const ended = new Promise((resolve) => worker.child.on("exit", resolve));
  worker.child.stdin.end();
  await ended;
}

/** What came of a suite: nothing if every contract holds, else why not. */
async function failure(suite) {
  const worker = await start();
  try {
    const reply = await fetch(`${worker.url}/suite/${suite}`, { signal: AbortSignal.timeout(PATIENCE) });
    const text = await reply.text();
    if (reply.status === 200) return undefined;
    return said(worker) ?? `status ${reply.status}: ${text.slice(0, 500)}`;
  } catch (error) {
    return said(worker) ?? String(error);
  } finally {
    await stop(worker);
  }
}

/** The words of the panic that ended a suite. */
function said(worker) {
  const at = worker.console.indexOf(PANIC);
  return at < 0 ? undefined : worker.console.slice(at + PANIC.length).split("\n    at ")[0].trim();
}

async function suites() {
  const worker = await start();
  try {
    return await (await fetch(`${worker.url}/suites`)).json();
  } finally {
    await stop(worker);
  }
}

const began = Date.now();
const chosen = process.argv.slice(2);
const all = chosen.length > 0 ? chosen : await suites();
let failed = 0;
for (const suite of all) {
  const why = await failure(suite);
  console.log(`${why === undefined ? "ok    " : "FAILED"} ${suite}${why === undefined ? "" : `: ${why}`}`);
  failed += why === undefined ? 0 : 1;
}
if (chosen.length === 0 && (await failure("broken"))?.includes("fails on purpose") !== true) {
  console.log("FAILED broken: a suite that panics must be seen to fail, with its words");
  failed += 1;
}
console.log(`conformance under workerd: ${all.length} suites, ${failed} failed, ${Math.round((Date.now() - began) / 1000)} s`);
process.exitCode = failed === 0 ? 0 : 1;
