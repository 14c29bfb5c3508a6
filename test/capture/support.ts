import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import type { LogOptions } from '../../src/capture/log-scan.ts';
import type { NewEntry } from '../../src/journal/entry.ts';
import { type CollectedLog, collectLog } from './collect.ts';

export const EXTENSIONS = ['csv', 'json', 'log'] as const;
export type Extension = (typeof EXTENSIONS)[number];

/** Path of a workload's log. */
export function example(workload: 'pgbench' | 'shop', extension: Extension): string {
  return join(import.meta.dirname, `../../examples/${workload}/postgresql.${extension}.gz`);
}

export function fixture(name: string): string {
  return join(import.meta.dirname, 'fixtures', name);
}

/** The text of a gzipped log. */
export function textOf(path: string): string {
  return gunzipSync(readFileSync(path)).toString('utf8');
}

/** Reads a log from memory, cut into pieces of `size` bytes. */
export function collectText(
  text: string | Buffer,
  options: Omit<LogOptions, 'files'> = {},
  size = 64 * 1024,
): Promise<CollectedLog> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += size) pieces.push(bytes.subarray(start, start + size));
  return collectLog({ ...options, files: Readable.from(pieces) });
}

/** Losses by reason. */
export function lossCounts(log: CollectedLog): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of log.losses) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/**
 * What a log gives, in a form that two formats of it share: the server writes its three files separately, so records of
 * different sessions within one millisecond may stand in another order; times are cut to the log's milliseconds.
 */
export function comparable(log: CollectedLog): string[] {
  const millis = (micros: number) => Math.floor(micros / 1000);
  return [
    ...log.begun.map((begin) => JSON.stringify({ ...begin, startedAt: millis(begin.startedAt) })),
    ...log.entries.map((entry) => JSON.stringify({ ...entry, timestamp: millis(entry.timestamp) })),
    ...log.ended.map((end) => JSON.stringify({ ...end, at: millis(end.at) })),
  ].sort();
}

/** Entries by session, in order. */
export function bySession(entries: readonly NewEntry[]): Map<string, NewEntry[]> {
  const sessions = group(entries, (entry) => entry.origin.sessionId);
  for (const own of sessions.values()) own.sort((a, b) => a.timestamp - b.timestamp);
  return sessions;
}

/** Entries by transaction, in order. */
export function byTransaction(entries: readonly NewEntry[]): Map<string, NewEntry[]> {
  return group(entries, (entry) => entry.transactionId);
}

function group(entries: readonly NewEntry[], keyOf: (entry: NewEntry) => string): Map<string, NewEntry[]> {
  const groups = new Map<string, NewEntry[]>();
  for (const entry of entries) {
    const own = groups.get(keyOf(entry));
    if (own) own.push(entry);
    else groups.set(keyOf(entry), [entry]);
  }
  return groups;
}
