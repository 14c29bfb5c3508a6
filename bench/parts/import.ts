import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab, RecordedLog } from '../lib/lab.ts';
import type { Part } from '../lib/part.ts';
import { runProgram } from '../lib/programs.ts';
import { median } from '../lib/stats.ts';
import { fixed, whole } from '../lib/table.ts';

const ROWS = ['pgreplay csv', 'pgreplay stderr', 'scan csv', 'scan stderr', 'import csv', 'import stderr'] as const;
type Row = (typeof ROWS)[number];

const LABELS: Readonly<Record<Row, string>> = {
  'pgreplay csv': 'pgreplay -f, csv, to a file',
  'pgreplay stderr': 'pgreplay -f, stderr, to a file',
  'scan csv': 'Reprise, csv, nothing kept',
  'scan stderr': 'Reprise, stderr, nothing kept',
  'import csv': 'Reprise, csv, durable in the journal',
  'import stderr': 'Reprise, stderr, durable in the journal',
};

export interface ImportData {
  readonly logs: readonly {
    readonly name: string;
    readonly statements: number;
    readonly csvBytes: number;
    readonly ms: Readonly<Partial<Record<Row, readonly number[]>>>;
  }[];
}

export const importing: Part<ImportData> = {
  name: 'import',
  title: 'how fast a log is read, against what pgreplay takes to parse it',

  async run(lab) {
    const count = lab.options.quick ? 10_000 : 200_000;
    const selects = await lab.log('select-long-1', ['-c', '1', '-M', 'simple', '-S', '-t', String(count)]);
    const prepared = await lab.log('import-prepared-8', [
      ...['-c', '8', '-M', 'prepared', '-t', String(Math.ceil(count / 56))],
    ]);
    return { logs: [await measure(lab, selects, 'selects, simple'), await measure(lab, prepared, 'TPC-B, prepared')] };
  },

  tables: ({ logs }) =>
    logs.map(({ name, statements, csvBytes, ms }) => {
      const theirs = median(ms['pgreplay csv'] ?? []);
      return {
        caption: `Reading a log of ${whole(statements)} statements (${name}; ${fixed(csvBytes / 1e6, 0)} MB as csv).`,
        head: ['', 'statements/s', '× pgreplay, csv'],
        rows: ROWS.map((row) => {
          const taken = median(ms[row] ?? []);
          return [LABELS[row], whole((statements / taken) * 1000), fixed(theirs / taken, 2)];
        }),
      };
    }),
};

async function measure(lab: Lab, log: RecordedLog, name: string): Promise<ImportData['logs'][number]> {
  const service = await lab.service();
  const ms: Partial<Record<Row, number[]>> = {};
  const note = (row: Row, taken: number) => {
    const list = ms[row] ?? [];
    list.push(taken);
    ms[row] = list;
    lab.say(`import ${name}, ${LABELS[row]}: ${whole((log.entries / taken) * 1000)} statements/s`);
  };
  const out = join(lab.folder, 'parsed');
  for (let round = 0; round < lab.options.rounds; round++) {
    if (lab.pgreplay !== null) {
      note('pgreplay csv', (await runProgram(lab.pgreplay, ['-f', '-c', '-o', out, log.oldCsv], {}, 600_000)).ms);
      note('pgreplay stderr', (await runProgram(lab.pgreplay, ['-f', '-o', out, log.oldStderr], {}, 600_000)).ms);
    }
    for (const [format, file, prefix] of [
      ['csv', log.csv, undefined],
      ['stderr', log.stderr, '%m|%u|%d|%c|'],
    ] as const) {
      const options = { files: [file], ...(prefix === undefined ? {} : { logLinePrefix: prefix }) };
      note(`scan ${format}`, (await service.call('scan', options)).elapsedMs);
      // Another node each time: the same log of the same server is there already.
      const report = await service.call('import', { ...options, nodeId: `${log.name}-${format}-${round}` });
      note(`import ${format}`, report.elapsedMs);
      await service.call('settle');
    }
  }
  return { name, statements: log.entries, csvBytes: statSync(log.csv).size, ms };
}
