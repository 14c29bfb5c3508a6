import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { completeRequest } from '../../src/replay/complete-request.ts';
import { Connector } from '../../src/replay/connector.ts';
import { EventFeed } from '../../src/replay/feed.ts';
import { SessionPool, sendAlone } from '../../src/replay/sessions.ts';
import { Tally } from '../../src/replay/tally.ts';
import { startLoginGate } from '../support/login-gate.ts';
import { useBench } from '../support/replay.ts';
import { targetOf } from '../target/support.ts';

const bench = useBench();

it('a connection that is being opened ahead is one that another session may get, and no limit', async () => {
  const target = await bench.target();
  const gate = await startLoginGate(target.port);
  const { signal } = new AbortController();
  const replayId = randomUUID();
  const feed = new EventFeed(bench.store, replayId, { lastSeq: 0, onError: () => {} });
  const pool = new SessionPool({
    connector: new Connector(targetOf({ ...target, port: gate.port }, { database: target.name }), signal),
    request: completeRequest({ target: target.spec, window: { from: 0, to: 1 }, maxConnections: 3 }),
    replayId,
    feed,
    tally: new Tally(),
    databaseFor: () => null,
    signal,
    serverVersion: '18.0',
    lostBackends: { end: async () => {}, close: async () => {} },
  });
  onTestFinished(() => pool.close(true));
  const [holder, ahead, other] = ['a', 'b', 'c'].map((sessionId) =>
    pool.session({ key: sessionId, sessionId, user: null, database: null, last: 0, remaining: 1 }),
  );
  if (holder === undefined || ahead === undefined || other === undefined) throw new Error('three sessions');
  await sendAlone(await pool.connect(holder), 'BEGIN');
  const opening = pool.connect(ahead);
  await gate.held;
  expect(pool.hasRoom).toBe(true);
  const waits = pool.connect(other);
  gate.open();
  await opening;
  await waits;
  await sendAlone(await pool.connect(other), 'BEGIN');
  expect(pool.hasRoom).toBe(false);
  await expect(pool.connect(ahead)).rejects.toMatchObject({ code: 'CONNECTION_LIMIT' });
});
