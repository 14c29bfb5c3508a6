import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareWith } from './compare.ts';
import { buildName, compile, ROOT } from './lib/build.ts';
import { Lab, type LabOptions } from './lib/lab.ts';
import { plainTable } from './lib/table.ts';
import { PARTS } from './parts.ts';
import { profileCase } from './profile.ts';
import type { Stored, StoredPart } from './stored.ts';

const USAGE = `npm run bench -- [part…] [options]

parts (default: all): ${PARTS.map(({ name }) => name).join(', ')}
${PARTS.map(({ name, title }) => `  ${name.padEnd(12)} ${title}`).join('\n')}

  --quick        small and few: to see that everything works
  --full         also ten million entries (pages, memory): an hour and 20 GB
  --rounds N     of each measurement (default 5; 2 with --quick)
  --only TEXT    of speed, only the cases whose name holds it (8-tpcb-on)
  --profile CASE instead of measuring: a CPU profile of the service while it replays the case (1-select-simple)
  --compare REF  instead of measuring: the speed of this build beside that of a commit, of the cases of --only
  --folder DIR   keep data directories and logs there
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string' },
    profile: { type: 'string' },
    compare: { type: 'string' },
    folder: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const unknown = positionals.filter((name) => !PARTS.some((part) => part.name === name));
if (values.help || unknown.length > 0) {
  process.stderr.write(`${unknown.length > 0 ? `no part ${unknown.join(', ')}\n\n` : ''}${USAGE}`);
  process.exit(values.help ? 0 : 2);
}
const options: LabOptions = {
  quick: values.quick,
  full: values.full,
  rounds: Number(values.rounds ?? (values.quick ? 2 : 5)),
  folder: values.folder ?? null,
  only: values.only ?? null,
};

compile(ROOT);
// Named when it is compiled: what is committed while it runs is not what is measured.
const build = buildName(ROOT);
const lab = await Lab.open(options);
let stopping = false;
process.once('SIGINT', () => {
  stopping = true;
  void lab.close().then(() => process.exit(130));
});
try {
  if (values.profile !== undefined) await profileCase(lab, values.profile);
  else if (values.compare !== undefined) await compareWith(lab, values.compare);
  else await measure();
} catch (error) {
  if (!stopping) throw error;
} finally {
  if (!stopping) await lab.close();
}

async function measure(): Promise<void> {
  const file = values.out ?? fileURLToPath(new URL('results/latest.json', import.meta.url));
  for (const part of PARTS) {
    if (positionals.length > 0 && !positionals.includes(part.name)) continue;
    lab.say(`${part.name}: ${part.title}`);
    const loadBefore = loadavg()[0]!;
    const data = await part.run(lab);
    if (data === null) continue;
    const stored: StoredPart = {
      takenAt: new Date().toISOString(),
      build,
      cpu: cpus()[0]?.model ?? 'unknown',
      quick: options.quick,
      rounds: options.rounds,
      loadBefore,
      data,
    };
    // Part by part: what was measured stays when a later one fails.
    store(file, part.name, stored);
    for (const table of part.tables(data)) process.stdout.write(`\n${plainTable(table)}`);
  }
}

function store(file: string, name: string, part: StoredPart): void {
  const before: Partial<Stored> = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Stored) : {};
  const stored: Stored = { machine: machine(), parts: { ...before.parts, [name]: part } };
  mkdirSync(fileURLToPath(new URL('results', import.meta.url)), { recursive: true });
  const brief = (value: unknown) =>
    JSON.stringify(value, (_, item) => (typeof item === 'number' ? Number(item.toPrecision(7)) : item));
  const lines = Object.entries(stored.parts).map(([key, value]) => `"${key}": ${brief(value)}`);
  writeFileSync(file, `{"machine": ${brief(stored.machine)},\n"parts": {\n${lines.join(',\n')}\n}}\n`);
}

function machine(): Record<string, string | number> {
  return {
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    postgresql: '18.4 (embedded)',
    pgbench: lab.pgbench.version,
    pgreplay: lab.pgreplay?.version ?? 'not installed',
  };
}
