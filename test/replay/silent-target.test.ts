import { expect, it } from 'vitest';
import { ORDERINGS } from '../../src/replay/request.ts';
import { HandMadeRecord } from '../support/record.ts';
import { through, useBench } from '../support/replay.ts';
import { listen, startProxy } from '../target/proxy.ts';

const bench = useBench();

/** A port that takes connections and never says a word; `connected` resolves at the first, `closed` when all are. */
async function silentServer() {
  let open = 0;
  let onFirst = () => {};
  let onNone = () => {};
  const connected = new Promise<void>((resolve) => {
    onFirst = resolve;
  });
  const closed = new Promise<void>((resolve) => {
    onNone = resolve;
  });
  const port = await listen((socket) => {
    open += 1;
    onFirst();
    socket.resume();
    socket.on('close', () => {
      open -= 1;
      if (open === 0) onNone();
    });
  });
  return { port, connected, closed };
}

it.each(ORDERINGS)('%s: cancel ends a run whose target takes the connection and never answers', async (ordering) => {
  const server = await silentServer();
  const record = new HandMadeRecord();
  record.run('a', 'SELECT 1');
  const { id } = await bench.engine.start({
    window: await record.store(bench.journal),
    target: { host: '127.0.0.1', port: server.port, user: 'u', database: 'd', tls: 'PREFER' },
    ordering,
    connectTimeoutMs: 600_000,
  });
  await server.connected;
  expect((await bench.engine.cancel(id)).state).toBe('CANCELLED');
  const run = await bench.ended(id);
  expect(run.states).toEqual(['CONNECTING', 'CANCELLED']);
  // Nothing is left on its way.
  await server.closed;
});

it.each(['p', 'Q'])(
  'a run whose connection is cut at the message %s while it is CONNECTING makes another',
  async (type) => {
    const target = await bench.target();
    let isCut = false;
    const port = await startProxy(target.port, ({ client, server }) => {
      client.on('data', (chunk: Buffer) => {
        if (isCut || chunk.toString('latin1', 0, 1) !== type) return server.write(chunk);
        isCut = true;
        return client.destroy();
      });
      server.pipe(client);
    });
    const record = new HandMadeRecord();
    record.run('a', 'SELECT 1');
    const run = await bench.run(through(port, target), { window: await record.store(bench.journal) });
    expect(run.replay).toMatchObject({ state: 'COMPLETED', summary: { succeeded: 1 } });
    expect(run.notices('CONNECTION_LOST')).toHaveLength(1);
  },
);

it('a run each of whose first connections is cut fails with what is wrong', async () => {
  const port = await listen((socket) => {
    socket.on('data', () => socket.destroy());
  });
  const record = new HandMadeRecord();
  record.run('a', 'SELECT 1');
  const { id } = await bench.engine.start({
    window: await record.store(bench.journal),
    target: { host: '127.0.0.1', port, user: 'u', database: 'd', tls: 'DISABLE' },
  });
  const run = await bench.ended(id);
  expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'TARGET_UNREACHABLE' } });
  expect(run.replay.error?.message).toMatch(/^connect to target 127.0.0.1:\d+\/d: /);
  expect(run.notices('CONNECTION_LOST')).toHaveLength(2);
});

it.each(['Q', 'p'])('cancel ends a run whose target falls silent at the first message %s', async (type) => {
  const target = await bench.target();
  let onSilence = () => {};
  const silence = new Promise<void>((resolve) => {
    onSilence = resolve;
  });
  const port = await startProxy(target.port, ({ client, server }) => {
    let silent = false;
    client.on('data', (chunk: Buffer) => {
      silent ||= chunk.toString('latin1', 0, 1) === type;
      if (silent) onSilence();
      else server.write(chunk);
    });
    server.pipe(client);
  });
  const record = new HandMadeRecord();
  record.run('a', 'SELECT 1');
  const { id } = await bench.engine.start({
    window: await record.store(bench.journal),
    target: through(port, target).spec,
    connectTimeoutMs: 600_000,
  });
  await silence;
  expect((await bench.engine.cancel(id)).state).toBe('CANCELLED');
});
