import { afterAll, beforeAll, expect, it } from 'vitest';
import { importLog } from '../../src/capture/import-log.ts';
import type { Window } from '../../src/journal/window.ts';
import { useBench } from '../support/replay.ts';
import { recordTpcb, TPCB_SCHEMA, TPCB_STATEMENTS, TPCB_SUMS, type TpcbLog } from '../support/tpcb.ts';

const CLIENTS = 20;
const TRANSACTIONS = 15;
const STATEMENTS = CLIENTS * TRANSACTIONS * TPCB_STATEMENTS;

const bench = useBench();
let log: TpcbLog;
let window: Window;

beforeAll(async () => {
  log = await recordTpcb(CLIENTS, TRANSACTIONS);
  await importLog({ files: [log.csv], store: bench.journal });
  const { first, last } = await bench.journal.coverage({ from: 0, to: Number.MAX_SAFE_INTEGER }, 1);
  // The last statement ends the last transaction, some time after it started.
  window = { from: first ?? 0, to: (last ?? 0) + 60_000_000 };
});
afterAll(() => log?.remove());

it.each(['SESSION', 'TIMESTAMP', 'COMMIT'] as const)(
  'a TPC-B log of 20 clients that wait for one row replays in %s ordering to its end',
  async (ordering) => {
    const target = await bench.target(TPCB_SCHEMA);
    const { replay, outcomes } = await bench.run(target, { window, ordering });
    expect(replay).toMatchObject({ state: 'COMPLETED', error: null });
    expect(outcomes.map((outcome) => outcome.ordinal).sort((a, b) => a - b)).toEqual(
      Array.from({ length: STATEMENTS }, (_, index) => index + 1),
    );
    expect(replay.summary).toMatchObject({ planned: STATEMENTS, succeeded: STATEMENTS });
    expect(await target.sql(TPCB_SUMS)).toEqual([log.sums]);
  },
);
