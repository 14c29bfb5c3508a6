import { readFile } from 'node:fs/promises';
import { importLog } from '../../src/capture/import-log.ts';
import type { ImportReport } from '../../src/capture/import-report.ts';
import type { JournalStore } from '../../src/journal/store.ts';
import type { Window } from '../../src/journal/window.ts';
import type { Target } from '../support/replay.ts';

export type WorkloadName = 'pgbench' | 'shop';

const folder = (name: WorkloadName) => new URL(`../../examples/${name}/`, import.meta.url);

/** The state that a workload starts from, as SQL. */
export const schemaOf = (name: WorkloadName) => readFile(new URL('schema.sql', folder(name)), 'utf8');

/** Imports a workload's csvlog and gives the window that holds all of it. */
export async function importWorkload(
  journal: JournalStore,
  name: WorkloadName,
): Promise<{ readonly report: ImportReport; readonly window: Window }> {
  const report = await importLog({ files: [new URL('postgresql.csv.gz', folder(name)).pathname], store: journal });
  const { first, last } = await journal.coverage({ from: 0, to: Number.MAX_SAFE_INTEGER }, 1);
  if (first === null || last === null) throw new Error(`${name} imported nothing`);
  return { report, window: { from: first, to: last } };
}

/** Tables of the target by name, each with whether it is as on the source when its log ended. */
export async function compareFingerprint(name: WorkloadName, target: Target): Promise<Record<string, boolean>> {
  const lines = await target.sql(await readFile(new URL('fingerprint.sql', folder(name)), 'utf8'));
  const expected = (await readFile(new URL('fingerprint.expected', folder(name)), 'utf8')).trim().split('\n');
  return Object.fromEntries(expected.map((line) => [line.split('|')[0], lines.includes(line)]));
}
