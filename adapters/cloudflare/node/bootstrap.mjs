// Waits for a Worker, makes its first tenant, owner and key, and prints what a newcomer needs.
//
//   BOOTSTRAP_TOKEN=… node bootstrap.mjs URL

const url = process.argv[2];

for (let tries = 0; ; tries++) {
  const alive = await fetch(`${url}/healthz`).then((reply) => reply.ok, () => false);
  if (alive) break;
  if (tries > 300) throw new Error(`nothing answers at ${url}`);
  await new Promise((wake) => setTimeout(wake, 200));
}

const reply = await fetch(`${url}/admin/v1/bootstrap`, {
  method: "POST",
  headers: { authorization: `Bearer ${process.env.BOOTSTRAP_TOKEN}` },
});
const made = await reply.json();
if (!reply.ok) throw new Error(`the bootstrap answered ${reply.status}: ${JSON.stringify(made)}`);

console.log(`
url    ${url}
key    ${made.key}
login  ${made.login_link}

curl ${url}/v1/chat/completions \\
  -H 'authorization: Bearer ${made.key}' -H 'content-type: application/json' \\
  -d '{"model": "demo", "messages": [{"role": "user", "content": "My card is 4111 1111 1111 1111"}]}'
`);
