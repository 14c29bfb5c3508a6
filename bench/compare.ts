import { execFileSync } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { compile, ROOT } from './lib/build.ts';
import type { Lab } from './lib/lab.ts';
import { replayOn, type Sample } from './lib/replays.ts';
import type { Service } from './lib/service.ts';
import { median } from './lib/stats.ts';
import { fixed, plainTable, whole } from './lib/table.ts';
import { type Case, casesOf, logOf, requestOf } from './parts/speed.ts';

/** Two processes of the same build may differ by a fifth, for as long as they live: a difference is one between all of them. */
const PROCESSES = 3;

interface Contender {
  readonly name: string;
  readonly service: Service;
}

/** Prints how fast the build of another commit replays beside that of this checkout, with processes and rounds taking turns. */
export async function compareWith(lab: Lab, ref: string): Promise<void> {
  const program = compile(await checkOut(ref, join(lab.folder, 'compared')));
  const contenders: Contender[] = [];
  for (let n = 1; n <= PROCESSES; n++) {
    contenders.push({ name: `${ref}, process ${n}`, service: await lab.startService(`compared-${n}`, [], program) });
    contenders.push({ name: `here, process ${n}`, service: await lab.startService(`here-${n}`) });
  }
  for (const one of casesOf(lab)) await compareCase(lab, one, contenders);
}

/** A clone in the lab's folder, which goes with it: a worktree would stay registered where the benchmark is interrupted. */
async function checkOut(ref: string, folder: string): Promise<string> {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  const commit = git('rev-parse', '--verify', `${ref}^{commit}`);
  git('clone', '--quiet', '--shared', '--no-checkout', ROOT, folder);
  git('-C', folder, 'checkout', '--quiet', '--detach', commit);
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

async function compareCase(lab: Lab, one: Case, contenders: readonly Contender[]): Promise<void> {
  const log = await logOf(lab, one);
  const target = await lab.target();
  const replayBy = async ({ service }: Contender) => {
    await target.reset(one.synchronousCommit ?? true);
    return replayOn(lab, service, log, requestOf(one.clients));
  };
  for (const contender of contenders) {
    await contender.service.call('import', { files: [log.csv], nodeId: log.name });
    await contender.service.call('settle');
    // The first replay runs code that is not optimised yet.
    await replayBy(contender);
  }
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < lab.options.rounds; round++) {
    // Each round goes the other way, so that none has always the same neighbour.
    for (const contender of round % 2 === 0 ? contenders : [...contenders].reverse()) {
      const sample = await replayBy(contender);
      samples.get(contender.name)!.push(sample);
      lab.say(`${one.name} ${round + 1}/${lab.options.rounds} ${contender.name}: ${whole(sample.statementsPerSecond)}`);
    }
  }
  const rows = [...samples].sort(([a], [b]) => a.localeCompare(b)).map(([name, runs]) => rowOf(name, runs));
  process.stdout.write(
    `\n${plainTable({
      caption: `${one.name}: medians of ${lab.options.rounds} rounds; CPU in microseconds a statement`,
      head: ['build', 'statements/s', 'service', 'its PostgreSQL', 'target'],
      rows,
    })}`,
  );
}

function rowOf(name: string, runs: readonly Sample[]): string[] {
  const cpu = (of: keyof Sample['cpuMicros']) => fixed(median(runs.map((run) => run.cpuMicros[of] ?? Number.NaN)), 1);
  const rate = median(runs.map((run) => run.statementsPerSecond));
  return [name, whole(rate), cpu('service'), cpu('journal'), cpu('target')];
}
