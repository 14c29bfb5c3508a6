import { expect, it } from 'vitest';
import type { ReplayEvent } from '../../src/replay/event.ts';
import { HandMadeRecord } from '../support/record.ts';
import { briefly, untilRunning, useBench } from '../support/replay.ts';

const bench = useBench();

const told = (event: ReplayEvent): string => {
  if (event.kind === 'STATE') return event.state;
  return event.kind === 'NOTICE' ? `${event.code} ${event.message}` : `${event.ordinal} ${briefly(event)}`;
};

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s: paused, made faster, resumed and cancelled under a subscriber, the log tells the whole story in order',
  async (ordering) => {
    const target = await bench.target('CREATE TABLE log (n int)');
    const record = new HandMadeRecord();
    // Each lock holds the walk at a place that the test knows.
    const locks = new Map([
      [4, 1],
      [8, 2],
      [12, 3],
    ]);
    for (let step = 1; step <= 20; step++) {
      const lock = locks.get(step);
      record.run(
        'a',
        lock === undefined ? `INSERT INTO log VALUES (${step})` : `SELECT pg_advisory_xact_lock(${lock})`,
      );
    }
    const outsider = await target.connect();
    await outsider.query('SELECT pg_advisory_lock(1), pg_advisory_lock(2), pg_advisory_lock(3)');
    const { id } = await bench.start(target, {
      window: await record.store(bench.journal),
      ordering,
      inFlight: 1,
      restoreIds: false,
      pace: { mode: 'RECORDED', speed: 0.5, maxIdleMs: null },
    });
    const seen: ReplayEvent[] = [];
    const waiting: { passes: (event: ReplayEvent) => boolean; resolve: () => void }[] = [];
    const watching = (async () => {
      for await (const event of bench.engine.stream(id, 0)) {
        seen.push(event);
        for (const { passes, resolve } of waiting) if (passes(event)) resolve();
      }
    })();
    const seeing = (passes: (event: ReplayEvent) => boolean) =>
      seen.some(passes) ? Promise.resolve() : new Promise<void>((resolve) => waiting.push({ passes, resolve }));
    const outcome = (ordinal: number) => (event: ReplayEvent) => event.kind === 'OUTCOME' && event.ordinal === ordinal;

    await untilRunning(outsider, 'pg_advisory_xact_lock(1)');
    await bench.engine.pause(id);
    await bench.engine.setSpeed(id, 50);
    await outsider.query('SELECT pg_advisory_unlock(1)');
    await seeing(outcome(4));
    await bench.engine.resume(id);
    await untilRunning(outsider, 'pg_advisory_xact_lock(2)');
    await bench.engine.setSpeed(id, 100);
    await bench.engine.pause(id);
    await bench.engine.resume(id);
    await outsider.query('SELECT pg_advisory_unlock(2)');
    await untilRunning(outsider, 'pg_advisory_xact_lock(3)');
    await bench.engine.cancel(id);
    await watching;

    expect(seen.map(told)).toEqual([
      'CONNECTING',
      'RUNNING',
      ...[1, 2, 3].map((ordinal) => `${ordinal} SUCCEEDED`),
      'PAUSED',
      'SPEED_CHANGED speed 50',
      '4 SUCCEEDED',
      'RUNNING',
      ...[5, 6, 7].map((ordinal) => `${ordinal} SUCCEEDED`),
      'SPEED_CHANGED speed 100',
      'PAUSED',
      'RUNNING',
      ...[8, 9, 10, 11].map((ordinal) => `${ordinal} SUCCEEDED`),
      '12 SKIPPED RUN_ENDED',
      'CANCELLED',
    ]);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
    expect(seen.map(({ at }) => at)).toEqual(seen.map(({ at }) => at).sort((a, b) => a - b));
    expect(seen).toEqual((await bench.ended(id)).events);
    expect(seen.flatMap((event) => (event.kind === 'STATE' ? [event.reason] : [])).slice(2)).toEqual([
      'paused on request',
      'resumed on request',
      'paused on request',
      'resumed on request',
      'cancelled on request',
    ]);
    expect(await target.sql('SELECT n FROM log ORDER BY n')).toEqual(['1', '2', '3', '5', '6', '7', '9', '10', '11']);
  },
);
