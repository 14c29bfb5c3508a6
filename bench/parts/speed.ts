import type { ReplayInput } from '../../src/replay/request.ts';
import { readFrames } from '../lib/frames.ts';
import type { Lab, RecordedLog } from '../lib/lab.ts';
import type { Part } from '../lib/part.ts';
import { frames, pgbench, pgreplay, replay, type Sample } from '../lib/replays.ts';
import { libpqEnvironment } from '../lib/servers.ts';
import { median, spread } from '../lib/stats.ts';
import { fixed, type Table, whole } from '../lib/table.ts';
import { PIPELINE, pipelinedSelects, TPCB_STATEMENTS, tpcbScript } from '../lib/workload.ts';

type Protocol = 'simple' | 'extended' | 'prepared';

export interface Case {
  readonly name: string;
  readonly clients: 1 | 8;
  readonly label: string;
  readonly protocol: Protocol;
  /** Null: select-only. */
  readonly synchronousCommit: boolean | null;
  /** The target, as a multiple of pgreplay. */
  readonly goal: number;
}

const CASES: readonly Case[] = ([1, 8] as const).flatMap((clients) => {
  const goals = clients === 1 ? [1.9, 2.5, 2.3, 1.3, 1.75] : [2.6, 2.4, 2.8, 2.3, 2.8];
  const selects = (['simple', 'extended', 'prepared'] as const).map((protocol, n) => ({
    name: `${clients}-select-${protocol}`,
    clients,
    label: `select-only, ${protocol}`,
    protocol,
    synchronousCommit: null,
    goal: goals[n]!,
  }));
  const writes = [true, false].map((on, n) => ({
    name: `${clients}-tpcb-${on ? 'on' : 'off'}`,
    clients,
    label: `TPC-B, synchronous_commit ${on ? 'on' : 'off'}`,
    protocol: 'simple' as const,
    synchronousCommit: on,
    goal: goals[3 + n]!,
  }));
  return [...selects, ...writes];
});

const TOOLS = ['pgreplay', 'reprise', 'reprise8', 'frames', 'pgbench', 'pipelined'] as const;
type Tool = (typeof TOOLS)[number];

interface Row {
  readonly name: string;
  readonly label: string;
  readonly clients: number;
  readonly goal: number;
  readonly statements: number;
  readonly samples: Partial<Record<Tool, Sample[]>>;
}

interface Contended {
  readonly statements: number;
  readonly timeoutMs: number;
  /** Null: it did not end. */
  readonly pgreplayMs: number | null;
  readonly sessionMs: number;
  readonly timestampMs: number;
}

export interface SpeedData {
  readonly rows: readonly Row[];
  readonly contended: Contended | null;
}

export const speed: Part<SpeedData> = {
  name: 'speed',
  title: 'statements per second as fast as possible, results recorded, against pgreplay and pgbench',

  async run(lab) {
    const rows: Row[] = [];
    for (const one of casesOf(lab)) rows.push(await measure(lab, one));
    return { rows, contended: isWanted(lab, 'contended') ? await contended(lab) : null };
  },

  tables({ rows, contended }) {
    const tables = ([1, 8] as const)
      .map((clients): Table => tableOf(rows, clients))
      .filter((table) => table.rows.length > 0);
    return contended === null ? tables : [...tables, cpuTable(rows), contendedTable(contended)];
  },
};

/**
 * How many statements a log has, about: so many that a run takes several seconds, as a window of minutes does. Code that
 * is not optimised yet, connecting and reporting weigh little then, for every tool.
 */
function sizes(lab: Lab) {
  return lab.options.quick ? { selects: 5_000, transactions: 500 } : { selects: 160_000, transactions: 16_000 };
}

/** pgbench, several times slower on one connection, runs this share of them: its rate does not depend on it. */
const PGBENCH_SHARE = 1 / 4;

/** The log of a case. TPC-B is the same for both settings of synchronous_commit. */
export async function logOf(
  lab: Lab,
  one: Pick<Case, 'clients' | 'protocol' | 'synchronousCommit'>,
): Promise<RecordedLog> {
  const { clients, protocol } = one;
  const { selects, transactions } = sizes(lab);
  const clientArgs = ['-c', String(clients), '-M', protocol];
  if (one.synchronousCommit === null) {
    return lab.log(`select-${protocol}-${clients}`, [...clientArgs, '-S', '-t', String(selects / clients)]);
  }
  const script = await lab.script(`tpcb-${clients}`, tpcbScript(clients > 1, false));
  return lab.log(`tpcb-${clients}`, [...clientArgs, '-f', script, '-t', String(Math.ceil(transactions / clients))]);
}

export function requestOf(clients: 1 | 8): Partial<ReplayInput> {
  return { ordering: clients === 1 ? 'COMMIT' : 'SESSION' };
}

function isWanted(lab: Lab, name: string): boolean {
  return lab.options.only === null || name.includes(lab.options.only);
}

/** The cases that are asked for. */
export function casesOf(lab: Lab): readonly Case[] {
  return CASES.filter(({ name }) => isWanted(lab, name));
}

/** The case of a name, for the profile. */
export function caseOf(name: string): Case {
  const found = CASES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no case ${name}: one of ${CASES.map((one) => one.name).join(', ')}`);
  return found;
}

async function measure(lab: Lab, one: Case): Promise<Row> {
  const log = await logOf(lab, one);
  const runners = await runnersOf(lab, one, log);
  const tools = TOOLS.filter((tool) => runners[tool] !== undefined);
  const samples: Partial<Record<Tool, Sample[]>> = {};
  const target = await lab.target();
  if (one.synchronousCommit === null) await target.reset(true);
  for (let round = 0; round < lab.options.rounds; round++) {
    // Each round begins with another tool, so that none is always the first.
    for (let n = 0; n < tools.length; n++) {
      const tool = tools[(n + round) % tools.length]!;
      if (one.synchronousCommit !== null) await target.reset(one.synchronousCommit);
      const sample = await runners[tool]!();
      if (sample !== null) samples[tool] = [...(samples[tool] ?? []), sample];
      lab.say(
        `${one.name} ${round + 1}/${lab.options.rounds} ${tool}: ${sample === null ? 'did not end' : whole(sample.statementsPerSecond)}`,
      );
    }
  }
  return { name: one.name, label: one.label, clients: one.clients, goal: one.goal, statements: log.entries, samples };
}

type Runners = Partial<Record<Tool, () => Promise<Sample | null>>>;

async function runnersOf(lab: Lab, one: Case, log: RecordedLog): Promise<Runners> {
  const { clients, protocol, synchronousCommit } = one;
  const environment = libpqEnvironment((await lab.target()).server);
  const request = requestOf(clients);
  const runners: Runners = { reprise: async () => plain(await replay(lab, log, request)) };
  if (clients > 1) runners.reprise8 = async () => plain(await replay(lab, log, { ...request, inFlight: 8 }));
  const sessions = await readFrames(lab, log);
  runners.frames = () => frames(lab, log, sessions, clients === 1 ? 1024 : 256);
  if (lab.pgreplay !== null) runners.pgreplay = () => pgreplay(lab, log, 60_000);
  const { selects, transactions } = sizes(lab);
  const each = (count: number) => ['-c', String(clients), '-t', String(Math.ceil(count / clients))];
  if (synchronousCommit === null) {
    runners.pgbench = () => pgbench(lab, environment, [...each(selects * PGBENCH_SHARE), '-M', protocol, '-S'], 1);
    // libpq has no pipeline for the simple protocol.
    if (protocol !== 'simple') {
      const script = await lab.script('selects-pipelined', pipelinedSelects());
      runners.pipelined = () =>
        pgbench(lab, environment, [...each(selects / PIPELINE), '-M', protocol, '-f', script], PIPELINE);
    }
  } else {
    const script = await lab.script(`tpcb-${clients}`, tpcbScript(clients > 1, false));
    const piped = await lab.script(`tpcb-${clients}-pipelined`, tpcbScript(clients > 1, true));
    runners.pgbench = () =>
      pgbench(lab, environment, [...each(transactions * PGBENCH_SHARE), '-f', script], TPCB_STATEMENTS);
    runners.pipelined = () =>
      pgbench(lab, environment, [...each(transactions), '-M', 'extended', '-f', piped], TPCB_STATEMENTS);
  }
  return runners;
}

function plain({ ms, statementsPerSecond, cpuMicros }: Sample): Sample {
  return { ms, statementsPerSecond, cpuMicros };
}

/** A TPC-B log in which sessions wait for each other's rows. */
async function contended(lab: Lab): Promise<Contended> {
  const transactions = lab.options.quick ? 25 : 300;
  const script = await lab.script('tpcb-contended', tpcbScript(false, false));
  const log = await lab.log('tpcb-contended', ['-c', '20', '-f', script, '-t', String(transactions)]);
  const target = await lab.target();
  const timeoutMs = lab.options.quick ? 10_000 : 60_000;
  await target.reset(false);
  const theirs = lab.pgreplay === null ? null : await pgreplay(lab, log, timeoutMs);
  await target.reset(false);
  const session = await replay(lab, log, { ordering: 'SESSION' });
  await target.reset(false);
  const timestamp = await replay(lab, log, { ordering: 'TIMESTAMP' });
  return {
    statements: log.entries,
    timeoutMs,
    pgreplayMs: theirs?.ms ?? null,
    sessionMs: session.ms,
    timestampMs: timestamp.ms,
  };
}

function rate(samples: readonly Sample[] | undefined): number {
  return median((samples ?? []).map((sample) => sample.statementsPerSecond));
}

function tableOf(rows: readonly Row[], clients: 1 | 8): Table {
  const ordering = clients === 1 ? 'one connection, COMMIT ordering' : 'eight sessions, SESSION ordering';
  return {
    caption: `Statements per second, ${ordering}. Medians; × is Reprise over the other; frames only: the same statements sent with nothing read, compared or recorded.`,
    head: [
      'statements',
      'pgreplay',
      'Reprise',
      '× pgreplay',
      'goal',
      'frames only',
      '× pgreplay',
      ...(clients === 8 ? ['Reprise, 8 in flight', '× pgreplay'] : []),
      'pgbench',
      '× pgbench',
      'pgbench, pipelined',
      '× pipelined',
      'spread',
    ],
    rows: rows
      .filter((row) => row.clients === clients)
      .map(({ label, goal, samples }) => {
        const ours = rate(samples.reprise);
        const only = rate(samples.frames);
        const narrow = rate(samples.reprise8);
        return [
          label,
          whole(rate(samples.pgreplay)),
          whole(ours),
          fixed(ours / rate(samples.pgreplay), 2),
          `≥ ${goal}`,
          whole(only),
          fixed(only / rate(samples.pgreplay), 2),
          ...(clients === 8 ? [whole(narrow), fixed(narrow / rate(samples.pgreplay), 2)] : []),
          whole(rate(samples.pgbench)),
          fixed(ours / rate(samples.pgbench), 2),
          whole(rate(samples.pipelined)),
          fixed(ours / rate(samples.pipelined), 2),
          `± ${fixed(spread((samples.reprise ?? []).map((sample) => sample.statementsPerSecond)) * 100, 0)} %`,
        ];
      }),
  };
}

function cpuTable(rows: readonly Row[]): Table {
  const cpu = (samples: readonly Sample[] | undefined, name: keyof Sample['cpuMicros']) =>
    fixed(median((samples ?? []).flatMap((sample) => sample.cpuMicros[name] ?? [])), 1);
  return {
    caption: 'CPU microseconds for each statement: what the figures above are made of.',
    head: [
      'statements',
      'service (Node.js)',
      'its PostgreSQL',
      'target under Reprise',
      'target under pgreplay',
      'target under pgbench',
    ],
    rows: rows.map(({ label, clients, samples }) => [
      `${label}, ${clients === 1 ? 'one connection' : 'eight sessions'}`,
      cpu(samples.reprise, 'service'),
      cpu(samples.reprise, 'journal'),
      cpu(samples.reprise, 'target'),
      cpu(samples.pgreplay, 'target'),
      cpu(samples.pgbench, 'target'),
    ]),
  };
}

function contendedTable(data: Contended): Table {
  const seconds = (ms: number) => `${fixed(ms / 1000, 1)} s`;
  return {
    caption: `A TPC-B log of 20 clients that wait for each other's locks (${whole(data.statements)} statements, synchronous_commit off).`,
    head: ['tool', 'took'],
    rows: [
      [
        'pgreplay',
        data.pgreplayMs === null ? `did not end within ${data.timeoutMs / 1000} s` : seconds(data.pgreplayMs),
      ],
      ['Reprise, SESSION', seconds(data.sessionMs)],
      ['Reprise, TIMESTAMP', seconds(data.timestampMs)],
    ],
  };
}
