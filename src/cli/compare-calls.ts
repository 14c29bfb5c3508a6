import type { Command } from 'commander';
import {
  type ComparedCallFieldsFragment,
  CompareReplayCallsDocument,
  type SlowerInput,
  unwrap,
} from '../client/index.ts';
import { CALL_DIFFERENCES } from '../client/words.ts';
import { count, duration, type Io, json, oneLine, printable, usage } from './io.ts';
import { atLeastOne, choice } from './options.ts';
import { remarksText } from './run-view.ts';
import { type ServiceFlags, serviceOf } from './service.ts';

/** Flags of `replay compare` for its `--calls`. */
export interface CallFlags extends ServiceFlags {
  readonly calls?: boolean;
  readonly kind?: readonly (typeof CALL_DIFFERENCES)[number][];
  readonly fingerprint?: string;
  readonly cascades: boolean;
  readonly limit?: number;
  readonly after?: string;
}

/** Calls that one request brings. */
const PAGE = 100;
const LIMIT = 20;

/** Single calls differ in time on every machine: they are listed when they are asked for. */
const KINDS = CALL_DIFFERENCES.filter((kind) => kind !== 'SLOWER' && kind !== 'FASTER');

/** The flags of `compare` that list single calls. */
export function addCallFlags(compare: Command): Command {
  return compare
    .option('--calls', 'list the calls that differ instead, one by one, in recorded order')
    .addOption(
      choice(
        '--kind <kind>',
        '… only those that differ like this (may be repeated; default: all but slower and faster)',
        CALL_DIFFERENCES,
        true,
      ),
    )
    .option('--fingerprint <fingerprint>', '… only those of this normalised statement, as listed without --calls')
    .option('--no-cascades', '… leave out those that only follow from an earlier failure, in either run')
    .option('--limit <count>', `… most calls to list (default ${LIMIT})`, atLeastOne)
    .option('--after <cursor>', '… go on behind the end of an earlier list');
}

/** @throws RepriseError BAD_INPUT: these flags would do nothing */
export function refuseCallFlags({ kind, fingerprint, cascades, limit, after }: CallFlags): void {
  if (!cascades) throw usage('--no-cascades', 'is for --calls');
  for (const [flag, value] of Object.entries({ kind, fingerprint, limit, after })) {
    if (value !== undefined) throw usage(`--${flag}`, 'is for --calls');
  }
}

/** Lists the calls in which run B differs from run A. */
export async function listComparedCalls(
  [a, b]: readonly [string, string],
  slower: SlowerInput | null,
  flags: CallFlags,
  io: Io,
): Promise<void> {
  const client = serviceOf(io, flags);
  const { fingerprint = null, kind = KINDS, limit = LIMIT } = flags;
  const filter = { differences: kind, fingerprint, ...(flags.cascades ? {} : { cascade: false }) };
  const calls: ComparedCallFieldsFragment[] = [];
  let remarks: readonly string[] = [];
  let after = flags.after ?? null;
  let hasNextPage = true;
  while (hasNextPage && calls.length < limit) {
    const variables = { a, b, filter, slower, first: Math.min(PAGE, limit - calls.length), after };
    const { compareReplayCalls } = await client.request(CompareReplayCallsDocument, variables, io.signal);
    const found = unwrap(compareReplayCalls);
    calls.push(...found.calls.edges.map(({ node }) => node));
    remarks = found.remarks;
    hasNextPage = found.calls.pageInfo.hasNextPage;
    after = found.calls.pageInfo.endCursor ?? after;
  }
  if (flags.json) return json(io, { calls, remarks, hasNextPage, endCursor: after });
  const width = io.stdout.isTTY ? Math.max(60, io.stdout.columns || 0) - 12 : 200;
  io.stdout.write(calls.length === 0 ? 'no such calls\n' : calls.map((call) => callText(call, width)).join(''));
  if (remarks.length > 0) io.stderr.write(`\n${remarksText(remarks)}\n`);
  if (hasNextPage) io.stderr.write(`\nmore follow: --after ${after}\n`);
}

/** A call as a block of lines: in what it differs and which it is, what was sent, and what became of it in each run. */
function callText(call: ComparedCallFieldsFragment, width: number): string {
  const { differences, transactionId, sequence, timestamp, sessionId, copy, entry } = call;
  const head = [
    differences.join(', '),
    `${transactionId}/${sequence}`,
    timestamp,
    `session ${sessionId}`,
    ...(copy > 0 ? [`copy ${copy}`] : []),
  ];
  const parameters = (entry?.parameters ?? []).map(({ text }, index) => `$${index + 1} = ${text ?? 'NULL'}`);
  const lines = [
    entry ? oneLine(entry.statement, width) : '(evicted from the journal)',
    ...(parameters.length > 0 ? [oneLine(parameters.join(', '), width)] : []),
    `A  ${oneLine(sideText(call.a, call), width)}`,
    `B  ${oneLine(sideText(call.b, call), width)}`,
  ];
  return `${printable(head.join('  '))}\n${lines.map((line) => `    ${line}\n`).join('')}`;
}

function sideText(
  side: ComparedCallFieldsFragment['a'],
  { differences }: Pick<ComparedCallFieldsFragment, 'differences'>,
): string {
  if (!side) return 'not reported on';
  const { status, sqlstate, cascade, skipReason, message, rows, digest, durationMs, durationApproximate } = side;
  const why = status === 'FAILED' ? ` ${sqlstate}${cascade ? ' (cascade)' : ''}` : skipReason ? ` ${skipReason}` : '';
  const time = duration(durationMs ?? null);
  return [
    `${status}${why}`,
    ...(rows === null || rows === undefined ? [] : [`${count(rows)} ${rows === 1 ? 'row' : 'rows'}`]),
    ...(differences.includes('CHECKSUM') ? [`digest ${digest}`] : []),
    ...(time === null ? [] : [durationApproximate ? `about ${time}` : time]),
    ...(message ? [`→ ${message}`] : []),
  ].join(', ');
}
