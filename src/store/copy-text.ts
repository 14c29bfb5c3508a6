import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** A field of COPY's text format: null is \N, the four characters that mean something are escaped. */
export function copyField(value: string | number | bigint | boolean | null): string {
  if (value === null) return '\\N';
  if (typeof value !== 'string') return typeof value === 'boolean' ? (value ? 't' : 'f') : String(value);
  return /[\\\n\r\t]/.test(value) ? value.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] as string) : value;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

// One write a chunk: large enough to cost nothing per row, small enough not to hold a batch twice.
const CHUNK_CHARACTERS = 256 * 1024;

/** Sends lines (without their line ends) to `COPY … FROM STDIN`. */
export async function copyLines(client: PoolClient, command: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  const stream = client.query(copyFrom(command));
  const done = finished(stream);
  // Handled by the await below, also when a write fails first.
  done.catch(() => {});
  let chunk = '';
  for (const line of lines) {
    chunk += `${line}\n`;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), done]);
    chunk = '';
  }
  stream.end(chunk === '' ? undefined : chunk);
  await done;
}
