import { describe, expect, test } from 'vitest';
import { byTransaction, collectText, comparable, EXTENSIONS, fixture, lossCounts, textOf } from './support.ts';

/** What clients did of their own in `pg15-noise`; a replication command is no statement. */
const DONE = [
  ["SELECT 'after scram'", 'SUCCEEDED'],
  [
    "DO $$ BEGIN RAISE LOG 'statement: DROP TABLE never'; RAISE LOG 'duration: 1.000 ms'; RAISE LOG 'execute x: SELECT 1'; END $$",
    'SUCCEEDED',
  ],
  ["SELECT 'of a walsender'", 'SUCCEEDED'],
  ['SELECT 1 / 0', 'FAILED'],
  ['SET force_parallel_mode = on', 'SUCCEEDED'],
  ['SELECT count(1 / (id - 500)) FROM big', 'FAILED'],
  ["SELECT 'last'", 'SUCCEEDED'],
];

const noise = (extension: 'csv' | 'json' | 'log') => collectText(textOf(fixture(`pg15-noise.${extension}.gz`)));

describe('RAISE LOG, a parallel worker and a walsender', () => {
  test.each(EXTENSIONS)('add no statement to a %s log, and take none away', async (extension) => {
    const log = await noise(extension);
    expect(log.entries.map((entry) => [entry.statement, entry.outcome.status])).toEqual(DONE);
    expect(byTransaction(log.entries).size).toBe(DONE.length);
    expect(log.losses).toEqual([]);
  });

  test('add none where neither user nor session id tells the worker from a client', async () => {
    const named = textOf(fixture('pg15-noise.log.gz'));
    const nameless = named.replaceAll(/^(\S+ \S+ UTC \[\d+\] )\S+@\S+ (?=[A-Z]+: {2})/gm, '$1');
    const log = await collectText(nameless, { logLinePrefix: '%m [%p] ' });
    expect(log.entries.map((entry) => [entry.statement, entry.outcome.status])).toEqual(DONE);
    expect(log.scan.sessions).toBe(5);
    expect(log.losses).toEqual([]);
  });
});

test('a client that authenticates is one session in every format', async () => {
  const csv = await noise('csv');
  expect(csv.scan.sessions).toBe(5);
  for (const extension of EXTENSIONS) {
    const log = await noise(extension);
    expect(log.scan.sessions).toBe(5);
    expect(comparable(log)).toEqual(comparable(csv));
  }
});

test('what starts a server in a container, ahead of its log, does not make later lines parts of statements', async () => {
  const at = (second: number) => `2026-01-01 10:00:0${second}.000 UTC [6a1.1] `;
  const log = await collectText(
    'The files belonging to this database system will be owned by user "postgres".\n' +
      'This user must also own the server process.\n\n' +
      'PostgreSQL init process complete; ready for start up.\n\n' +
      `${at(1)}LOG:  database system is ready to accept connections\n` +
      '/usr/local/bin/docker-entrypoint.sh: ignoring /docker-entrypoint-initdb.d/*\n' +
      `${at(2)}LOG:  statement: SELECT 1\n` +
      'sh: locale: not found\n' +
      `${at(3)}LOG:  statement: SELECT 2\n` +
      `${at(4)}LOG:  statement: SELECT 3\n`,
    { logLinePrefix: '%m [%c] ' },
  );
  expect(log.entries.map((entry) => entry.statement)).toEqual(['SELECT 1', 'SELECT 2']);
  expect(lossCounts(log)['UNPARSABLE_LINE']).toBe(5);
});
