/**
 * Somewhere to replay: `npm run target` and, in another terminal, one of the commands that it prints.
 *
 * Starts a throwaway PostgreSQL with a database for each ordering, each in the state in which an example's log begins.
 * Stays until Ctrl-C and leaves nothing behind.
 */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbedded } from '../src/store/embedded.ts';

const WORKLOADS = ['shop', 'pgbench'];
const ORDERINGS = ['timestamp', 'commit', 'session'];

const [workload = 'shop'] = process.argv.slice(2);
if (!WORKLOADS.includes(workload)) {
  console.error(`usage: npm run target -- [${WORKLOADS.join('|')}]`);
  process.exit(2);
}
const schema = await readFile(new URL(`./${workload}/schema.sql`, import.meta.url), 'utf8');
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());

const folder = await mkdtemp(join(tmpdir(), 'reprise-target-'));
const server = await startEmbedded({ dataDir: folder });
try {
  for (const ordering of ORDERINGS) {
    const name = `${workload}_${ordering}`;
    await server.createDatabase(name);
    const client = new Client({ connectionString: server.url(name) });
    await client.connect();
    await client.query(schema).finally(() => client.end());
  }
  const { host, port, user, password } = server;
  const commands = ORDERINGS.map(
    (ordering) =>
      `node dist/main.js replay start --window all --host ${host} --port ${port} --user ${user} \\\n` +
      `  --password-env TARGET_PASSWORD --database ${workload}_${ordering} --ordering ${ordering} --watch`,
  );
  console.log(`A PostgreSQL in which everything is as when ${workload}'s log begins. Ctrl-C takes it away.

export TARGET_PASSWORD=${password}
${commands.join('\n')}`);
  if (!interrupted.signal.aborted) {
    const stay = setInterval(() => {}, 2 ** 30);
    await once(interrupted.signal, 'abort');
    clearInterval(stay);
  }
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
