import { expect, test } from 'vitest';
import { collectText } from './support.ts';

/** As pgbench leaves it with `log_statement = all` and `log_duration = on`, and no line of a session's end. */
function statementOf(session: number): string {
  const time = new Date(Date.UTC(2026, 5, 1) + session).toISOString().replace('T', ' ').slice(0, -1);
  const line = (number: number, text: string, tag: string) =>
    `${time} UTC,"app","shop",${1000 + session},"127.0.0.1:40000",6a1d0000.${(1000 + session).toString(16)},${number},"${tag}",2026-06-01 00:00:00 UTC,3/${session},0,LOG,00000,"${text}",,,,,,,,,"","client backend",,0\n`;
  return line(1, `statement: SELECT ${session}`, 'idle') + line(2, 'duration: 0.048 ms', 'SELECT');
}

test('a log of more sessions than are remembered, none of which says that it ends, loses no statement', async () => {
  const sessions = 45_000;
  const log = await collectText(Array.from({ length: sessions }, (_, n) => statementOf(n)).join(''));
  expect(log.losses).toEqual([]);
  expect(log.entries.map((entry) => entry.statement)).toEqual(
    Array.from({ length: sessions }, (_, n) => `SELECT ${n}`),
  );
  expect(log.entries.every((entry) => entry.outcome.status === 'SUCCEEDED')).toBe(true);
});
