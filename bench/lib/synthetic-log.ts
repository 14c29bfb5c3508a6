import { createWriteStream } from 'node:fs';

/** Statements a second of the log's own time. */
const RATE = 2_000;
/** Sessions at once. */
const SESSIONS = 8;
const START = Date.UTC(2026, 5, 1);

/**
 * Writes a csv log of selects, as eight pgbench clients leave it (`log_statement = all`, `log_duration = on`), and
 * gives its window in microseconds. For logs that would take too long to record. `each`: statements of a session, behind
 * which its client begins another; nothing is logged of that.
 */
export async function writeSelectLog(
  file: string,
  statements: number,
  each = statements,
): Promise<{ readonly from: number; readonly to: number }> {
  const out = createWriteStream(file);
  const lines: number[] = [];
  let chunk = '';
  for (let n = 0; n < statements; n++) {
    const session = Math.floor(n / (SESSIONS * each)) * SESSIONS + (n % SESSIONS);
    const time = `${new Date(START + Math.floor((n * 1000) / RATE)).toISOString().replace('T', ' ').slice(0, -1)} UTC`;
    const line = (what: string, tag: string) => {
      lines[session] = (lines[session] ?? 0) + 1;
      return `${time},"postgres","bench",${1000 + session},"127.0.0.1:${40_000 + session}",6a1d0000.${(1000 + session).toString(16)},${lines[session]},"${tag}",2026-06-01 00:00:00 UTC,${session + 3}/${n},0,LOG,00000,"${what}",,,,,,,,,"pgbench","client backend",,0\n`;
    };
    const aid = 1 + ((n * 7919) % 800_000);
    chunk += line(`statement: SELECT abalance FROM pgbench_accounts WHERE aid = ${aid};`, 'idle');
    chunk += line('duration: 0.048 ms', 'SELECT');
    if (chunk.length < 1_000_000) continue;
    if (!out.write(chunk)) await new Promise<void>((resolve) => out.once('drain', resolve));
    chunk = '';
  }
  await new Promise<void>((resolve) => out.end(chunk, resolve));
  return { from: START * 1000, to: (START + Math.ceil((statements * 1000) / RATE) + 1) * 1000 };
}
