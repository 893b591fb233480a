// Starts the Worker for tests: on a free port, with the bindings of wrangler.toml, in a folder for its state.
//
// It is miniflare, the simulator inside `wrangler dev --local`, with the same workerd and the same simulated bindings.
// `wrangler dev` takes seconds to start and a command for each migration; a test that starts thirty Workers cannot wait
// for that. What wrangler.toml says is read by wrangler itself, so that the tests run what is deployed.
//
//   node start.mjs BUNDLE_FOLDER MIGRATIONS_FOLDER WRANGLER_TOML NODE_MODULES
//
// The first line on standard input is a JSON object, all of it optional:
//   state     a folder to keep everything in; without one it is in memory
//   config    the text of WORKJET_CONFIG
//   vars      other text bindings and secrets, by name; null takes one away
//   without   names of bindings to leave out, such as ["KV"]
//   migrate   false leaves D1 as it is
//   port      0 is a free one
// It answers with one line, {"url": …}, when the Worker is ready. Each further line is a command, answered by one line:
//   {"do": "sql", "sql": "…", "params": […]}      asks D1
//   {"do": "list"}, {"do": "read", "name": …}, {"do": "write", "name": …, "base64": …}      R2
//   {"do": "kv"}, {"do": "kv", "name": …, "value": …}      lists KV's names, or puts a value
// When standard input ends, so does the Worker.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

const [bundle, migrations, wranglerToml, nodeModules] = process.argv.slice(2).map((name) => path.resolve(name));
const require = createRequire(path.join(nodeModules, "package.json"));
process.env.WRANGLER_SEND_METRICS ??= "false";
process.env.WRANGLER_LOG ??= "none";
const { Log, LogLevel, Miniflare } = require("miniflare");
const { unstable_getMiniflareWorkerOptions: workerOptions } = require("wrangler");

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");

const first = await lines.next();
const options = first.done ? {} : JSON.parse(first.value);
const worker = workerOptions(wranglerToml).workerOptions;
const bindings = { ...worker.bindings, ...(options.config === undefined ? {} : { WORKJET_CONFIG: options.config }) };
for (const [name, value] of Object.entries(options.vars ?? {})) {
  if (value === null) delete bindings[name];
  else bindings[name] = value;
}
for (const name of options.without ?? []) {
  delete bindings[name];
  for (const kind of ["kvNamespaces", "d1Databases", "r2Buckets", "durableObjects"]) delete worker[kind]?.[name];
}

const place = (kind) => (options.state === undefined ? false : path.join(path.resolve(options.state), kind));
const read = (name) => ({ path: path.join(bundle, name), contents: readFileSync(path.join(bundle, name)) });
const miniflare = new Miniflare({
  ...worker,
  bindings,
  modulesRoot: bundle,
  modules: [
    { type: "ESModule", ...read("index.js") },
    { type: "CompiledWasm", ...read("index_bg.wasm") },
  ],
  host: "127.0.0.1",
  port: options.port ?? 0,
  cf: false,
  log: new Log(LogLevel.WARN),
  // Log lines go to standard error: standard output is for answers.
  handleRuntimeStdio(stdout, stderr) {
    stdout.pipe(process.stderr);
    stderr.pipe(process.stderr);
  },
  d1Persist: place("d1"),
  kvPersist: place("kv"),
  r2Persist: place("r2"),
  durableObjectsPersist: place("do"),
});

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, stop);

async function stop() {
  await miniflare.dispose();
  process.exit(0);
}

async function migrate() {
  const database = await miniflare.getD1Database("DB");
  const versions = await database.prepare("SELECT max(version) AS version FROM schema_version").first().catch(() => null);
  for (const file of readdirSync(migrations).filter((name) => name.endsWith(".sql")).sort()) {
    if (Number.parseInt(file, 10) <= (versions?.version ?? 0)) continue;
    const text = readFileSync(path.join(migrations, file), "utf8").replace(/^\s*--.*$/gm, "");
    const statements = text.split(/;\s*$/m).filter((statement) => statement.trim() !== "");
    await database.batch(statements.map((statement) => database.prepare(statement)));
  }
}

async function answer(command) {
  if (command.do === "sql") {
    const database = await miniflare.getD1Database("DB");
    return (await database.prepare(command.sql).bind(...(command.params ?? [])).all()).results;
  }
  if (command.do === "kv") {
    const namespace = await miniflare.getKVNamespace("KV");
    if (command.name === undefined) return (await namespace.list()).keys.map((key) => key.name);
    return await namespace.put(command.name, command.value);
  }
  const bucket = await miniflare.getR2Bucket("AUDIT");
  switch (command.do) {
    case "list":
      return (await bucket.list()).objects.map((object) => object.key);
    case "read":
      return Buffer.from(await (await bucket.get(command.name)).arrayBuffer()).toString("base64");
    case "write":
      return (await bucket.put(command.name, Uint8Array.from(Buffer.from(command.base64, "base64")))).key;
    default:
      throw new Error(`no command ${command.do}`);
  }
}

const url = (await miniflare.ready).origin;
if ((options.migrate ?? true) && worker.d1Databases?.DB) await migrate();
say({ url });
for await (const line of lines) {
  try {
    say({ ok: (await answer(JSON.parse(line))) ?? null });
  } catch (error) {
    say({ error: String(error) });
  }
}
await stop();
