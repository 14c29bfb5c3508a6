import type { Lab, RecordedLog } from './lab.ts';
import { SCALE } from './servers.ts';

/** Statements of one transaction of pgbench's TPC-B. */
export const TPCB_STATEMENTS = 7;
/** Selects between two Syncs in pgbench's pipelines. */
export const PIPELINE = 50;

const TPCB = `UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);`;

const ANYWHERE = `\\set aid random(1, 100000 * ${SCALE})
\\set bid random(1, ${SCALE})
\\set tid random(1, 10 * ${SCALE})
\\set delta random(-5000, 5000)`;

/** Each client has a branch with its tellers and accounts: nobody waits for a lock of another. */
const OWN_BRANCH = `\\set aid random(:client_id * 100000 + 1, (:client_id + 1) * 100000)
\\set bid :client_id + 1
\\set tid random(:client_id * 10 + 1, (:client_id + 1) * 10)
\\set delta random(-5000, 5000)`;

/** A log in which each session is one select: applications without a pooler. */
export function shortSessions(lab: Lab): Promise<RecordedLog> {
  return lab.log('sessions', ['-c', '8', '-S', '-C', '-t', lab.options.quick ? '25' : '375']);
}

/** pgbench's own TPC-B; `own`: each client on a branch of its own; `pipelined`: a transaction in one pipeline. */
export function tpcbScript(own: boolean, pipelined: boolean): string {
  const body = `BEGIN;\n${TPCB}\nEND;`;
  return `${own ? OWN_BRANCH : ANYWHERE}\n${pipelined ? `\\startpipeline\n${body}\n\\endpipeline` : body}\n`;
}

/** pgbench's select-only, many in one pipeline. */
export function pipelinedSelects(): string {
  const numbers = Array.from({ length: PIPELINE }, (_, n) => n);
  const sets = numbers.map((n) => `\\set aid${n} random(1, 100000 * ${SCALE})`);
  const selects = numbers.map((n) => `SELECT abalance FROM pgbench_accounts WHERE aid = :aid${n};`);
  return [...sets, '\\startpipeline', ...selects, '\\endpipeline', ''].join('\n');
}
