import { Client } from 'pg';
import { CancelReplayDocument, ReplayDocument } from '../../src/client/generated/graphql.ts';
import { createClient } from '../../src/client/index.ts';
import type { Lab, RecordedLog } from '../lib/lab.ts';
import type { Part } from '../lib/part.ts';
import { DATABASE } from '../lib/servers.ts';
import { median } from '../lib/stats.ts';
import { fixed } from '../lib/table.ts';

const ORDERINGS = ['COMMIT', 'SESSION', 'TIMESTAMP'] as const;

/** What the run is doing when it is cancelled. */
const SITUATIONS = {
  busy: 'statements as fast as possible',
  locked: 'every statement waits for a lock of somebody else',
} as const;
type Situation = keyof typeof SITUATIONS;

/** Statements that a busy run has replayed when it is cancelled. */
const BUSY_AFTER = 2_000;

interface Row {
  readonly ordering: (typeof ORDERINGS)[number];
  readonly situation: Situation;
  /** From the request to the end of the run, everything durable and every connection closed. */
  readonly ms: readonly number[];
}

export interface CancelData {
  readonly rows: readonly Row[];
}

export const cancel: Part<CancelData> = {
  name: 'cancel',
  title: 'how long a run takes to end when it is cancelled',

  async run(lab) {
    const selects = lab.options.quick ? 20_000 : 60_000;
    const log = await lab.log('select-simple-8', ['-c', '8', '-M', 'simple', '-S', '-t', String(selects / 8)]);
    const rows: Row[] = [];
    for (const situation of Object.keys(SITUATIONS) as Situation[]) {
      for (const ordering of ORDERINGS) {
        const ms: number[] = [];
        for (let round = 0; round < lab.options.rounds * 2; round++) {
          ms.push(await measure(lab, log, ordering, situation));
        }
        lab.say(`cancel ${ordering}, ${situation}: ${fixed(median(ms), 0)} ms, at most ${fixed(Math.max(...ms), 0)}`);
        rows.push({ ordering, situation, ms });
      }
    }
    return { rows };
  },

  tables: ({ rows }) => [
    {
      caption:
        'From `cancelReplay` to the end of the run: state durable, statements under way ended, connections closed. Goal: within 1,000 ms.',
      head: ['ordering', 'what the run was doing', 'runs', 'median, ms', 'longest, ms'],
      rows: rows.map(({ ordering, situation, ms }) => [
        ordering,
        SITUATIONS[situation],
        String(ms.length),
        fixed(median(ms), 0),
        fixed(Math.max(...ms), 0),
      ]),
    },
  ],
};

/** @throws Error when the run is not CANCELLED in the end, or has left a session on the target. */
async function measure(lab: Lab, log: RecordedLog, ordering: Row['ordering'], situation: Situation): Promise<number> {
  const service = await lab.service();
  const api = createClient({ url: service.ready.url });
  const { server } = await lab.target();
  const connect = async () => {
    const client = new Client({ connectionString: server.url(DATABASE) });
    await client.connect();
    return client;
  };
  const target = await connect();
  // Not on the connection that looks: within a transaction, what it sees of others stands still.
  const stranger = await connect();
  try {
    const sessions = async (state: string) => {
      const { rows } = await target.query<{ count: string }>(
        `select count(*) from pg_stat_activity where application_name like 'reprise%' and ${state}`,
      );
      return Number(rows[0]!.count);
    };
    if (situation === 'locked') await stranger.query('begin; lock table pgbench_accounts');
    const id = await service.call('start', await lab.replayInput(log, { ordering }), 'DURABLE');
    const underWay = async () => {
      if (situation === 'locked') return (await sessions(`wait_event_type = 'Lock'`)) > 0;
      const { replay } = await api.request(ReplayDocument, { id });
      return (replay?.summary.succeeded ?? 0) >= BUSY_AFTER;
    };
    while (!(await underWay()));
    const started = performance.now();
    const [{ replay }] = await Promise.all([
      service.call('finish', id),
      api.request(CancelReplayDocument, { replayId: id }),
    ]);
    const ms = performance.now() - started;
    if (replay.state !== 'CANCELLED') throw new Error(`${ordering}, ${situation}: the run ended as ${replay.state}`);
    if ((await sessions('true')) > 0) throw new Error(`${ordering}, ${situation}: sessions are left on the target`);
    return ms;
  } finally {
    await Promise.all([stranger.end(), target.end()]);
  }
}
