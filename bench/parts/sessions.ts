import type { Part } from '../lib/part.ts';
import { pgreplay, replay, type Sample } from '../lib/replays.ts';
import { median } from '../lib/stats.ts';
import { fixed, whole } from '../lib/table.ts';
import { shortSessions } from '../lib/workload.ts';

const ORDERINGS = ['SESSION', 'TIMESTAMP', 'COMMIT'] as const;
const TOOLS = ['pgreplay', ...ORDERINGS] as const;
type Tool = (typeof TOOLS)[number];

export interface SessionsData {
  readonly sessions: number;
  readonly samples: Partial<Readonly<Record<Tool, readonly Sample[]>>>;
  /** Of the last round of each. */
  readonly connections: Partial<Readonly<Record<Tool, number>>>;
}

/** Applications without a pooler: each session is one statement, and a login costs more than everything else. */
export const sessions: Part<SessionsData> = {
  name: 'sessions',
  title: 'logs of many short sessions, each of which logs in anew',

  async run(lab) {
    const { rounds } = lab.options;
    const log = await shortSessions(lab);
    await (await lab.target()).reset(true);
    const samples: Partial<Record<Tool, Sample[]>> = {};
    const connections: Partial<Record<Tool, number>> = {};
    for (let round = 0; round < rounds; round++) {
      for (let n = 0; n < TOOLS.length; n++) {
        const tool = TOOLS[(n + round) % TOOLS.length]!;
        let sample: Sample | null = null;
        if (tool !== 'pgreplay') {
          const ended = await replay(lab, log, { ordering: tool });
          connections[tool] = ended.finished.replay.summary.connectionsOpened;
          sample = { ms: ended.ms, statementsPerSecond: ended.statementsPerSecond, cpuMicros: ended.cpuMicros };
        } else if (lab.pgreplay !== null) {
          sample = await pgreplay(lab, log, 120_000);
          connections[tool] = log.report.sessions;
        }
        if (sample !== null) samples[tool] = [...(samples[tool] ?? []), sample];
        lab.say(`sessions ${round + 1}/${rounds} ${tool}: ${fixed((sample?.ms ?? Number.NaN) / 1000, 1)} s`);
      }
    }
    return { sessions: log.report.sessions, samples, connections };
  },

  tables({ sessions: count, samples, connections }) {
    const seconds = (tool: Tool) => median((samples[tool] ?? []).map(({ ms }) => ms)) / 1000;
    return [
      {
        caption: `A log of ${whole(count)} sessions, eight at a time, each of one select (\`pgbench -C -S\`), as fast as possible.`,
        head: ['', 'seconds', 'sessions/s', '× pgreplay', 'connections opened'],
        rows: TOOLS.filter((tool) => samples[tool] !== undefined).map((tool) => [
          tool === 'pgreplay' ? tool : `Reprise, ${tool}`,
          fixed(seconds(tool), 2),
          whole(count / seconds(tool)),
          fixed(seconds('pgreplay') / seconds(tool), 2),
          whole(connections[tool] ?? Number.NaN),
        ]),
      },
    ];
  },
};
