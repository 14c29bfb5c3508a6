import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Lab } from './lib/lab.ts';
import { replay } from './lib/replays.ts';
import { fixed, plainTable, whole } from './lib/table.ts';
import { caseOf, logOf, requestOf } from './parts/speed.ts';

/** Replays under the profile: the first ones run code that is not optimised yet. */
const REPLAYS = 3;
const SHOWN = 45;

/** What V8's profiler writes, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

/** Writes `results/<case>.cpuprofile` (for a browser's developer tools) and prints where the time went. */
export async function profileCase(lab: Lab, name: string): Promise<void> {
  const one = caseOf(name);
  const log = await logOf(lab, one);
  const target = await lab.target();
  const service = await lab.service();
  await target.reset(one.synchronousCommit ?? true);
  await replay(lab, log, requestOf(one.clients));
  await service.call('profileStart');
  const cpu: number[] = [];
  for (let n = 0; n < REPLAYS; n++) {
    if (one.synchronousCommit !== null) await target.reset(one.synchronousCommit);
    const sample = await replay(lab, log, requestOf(one.clients));
    cpu.push(sample.cpuMicros.service ?? Number.NaN);
    lab.say(`${name}: ${whole(sample.statementsPerSecond)} a second, CPU ${JSON.stringify(sample.cpuMicros)}`);
  }
  const file = fileURLToPath(new URL(`results/${name}.cpuprofile`, import.meta.url));
  await service.call('profileStop', file);
  const statements = log.entries * REPLAYS;
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  for (const by of ['function', 'file'] as const) {
    const rows = selfTimes(profile, by).slice(0, SHOWN);
    process.stdout.write(
      `\n${plainTable({
        caption: `${name}: self time by ${by}, microseconds a statement`,
        head: [by, 'µs', ''],
        rows: rows.map(([where, micros]) => [where, fixed(micros / statements, 2), '']),
      })}`,
    );
  }
  process.stdout.write(`\n${file}\n`);
}

function selfTimes(profile: CpuProfile, by: 'function' | 'file'): [string, number][] {
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = shorten(url);
      return [id, by === 'file' ? file || functionName : `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`];
    }),
  );
  const times = new Map<string, number>();
  profile.samples.forEach((id, n) => {
    const name = names.get(id)!;
    if (!name.startsWith('(idle)')) times.set(name, (times.get(name) ?? 0) + profile.timeDeltas[n]!);
  });
  return [...times].sort(([, a], [, b]) => b - a);
}

function shorten(url: string): string {
  return url.replace(/^.*\/bench\/dist\//, '').replace(/^.*\/node_modules\//, '');
}
