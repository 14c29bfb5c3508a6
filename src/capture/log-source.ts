import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { messageOf, RepriseError } from '../errors.ts';

const PIECE = 128 * 1024;
/** Compressed bytes that are inflated at a time: a piece that inflates a thousandfold is still bounded. */
const COMPRESSED_PIECE = 16 * 1024;
/** The first piece of a file is at least so long where the file is: enough to see how its records look. */
const FIRST_PIECE = 1024;

/** One piece of the log, uncompressed. */
export interface Piece {
  readonly file: string;
  /** True for the first piece of a file. */
  readonly first: boolean;
  readonly data: Buffer;
  /** Bytes of all files read so far, compressed where they are: what `sizeOf` counts. */
  readonly read: number;
  /** Set, with empty data, where a compressed file ends before its stream does. */
  readonly damage?: string;
}

/**
 * Size of all files together, as they lie on disk; null when one is no regular file.
 * @throws RepriseError FILE_UNREADABLE before anything is read, when one cannot be.
 */
export async function sizeOf(files: readonly string[]): Promise<number | null> {
  let total: number | null = 0;
  for (const file of files) {
    if (file === '-') {
      total = null;
      continue;
    }
    const stats = await stat(file).catch((cause: unknown) => {
      throw new RepriseError('FILE_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, { path: ['files'], cause });
    });
    if (stats.isDirectory()) {
      throw new RepriseError('FILE_UNREADABLE', `${file} is a folder: name the log files in it`, { path: ['files'] });
    }
    if (!stats.isFile()) total = null;
    else if (total !== null) total += stats.size;
  }
  return total;
}

/**
 * The files' bytes one after another, inflated where they are compressed (told by their first bytes). `signal` ends the
 * wait for a log that is still written, too.
 * @throws RepriseError FILE_UNREADABLE; the signal's reason
 */
export async function* readPieces(files: readonly string[] | Readable, signal?: AbortSignal): AsyncGenerator<Piece> {
  const counter = { read: 0 };
  if (!isList(files)) {
    yield* readOne('-', stoppable(files, signal), counter, signal);
    return;
  }
  for (const file of files) {
    const stream = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: PIECE });
    yield* readOne(file, stoppable(stream, signal), counter, signal);
  }
}

function stoppable(stream: Readable, signal: AbortSignal | undefined): Readable {
  return signal ? addAbortSignal(signal, stream) : stream;
}

async function* readOne(
  file: string,
  stream: Readable,
  counter: { read: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  let first = true;
  let held: Buffer | null = null;
  const source = uncompressed(file, stream, counter, signal);
  for await (const item of source) {
    if (typeof item === 'string') {
      if (held) yield { file, first, data: held, read: counter.read };
      if (held) first = false;
      held = null;
      yield { file, first, data: Buffer.alloc(0), read: counter.read, damage: item };
      first = false;
      continue;
    }
    const data: Buffer = held ? Buffer.concat([held, item]) : item;
    if (first && data.length < FIRST_PIECE) {
      held = data;
      continue;
    }
    held = null;
    yield { file, first, data, read: counter.read };
    first = false;
  }
  if (held) yield { file, first, data: held, read: counter.read };
}

/** Gives buffers, and a sentence where a compressed stream breaks off. */
async function* uncompressed(
  file: string,
  stream: Readable,
  counter: { read: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer | string> {
  let head: Buffer | null = null;
  let inflate: Inflater | null = null;
  let plain = false;
  try {
    for await (const chunk of stream) {
      let data: Buffer = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer);
      counter.read += data.length;
      if (!plain && !inflate) {
        if (head) data = Buffer.concat([head, data]);
        if (data.length < 2) {
          head = data;
          continue;
        }
        head = null;
        if (data[0] === 0x1f && data[1] === 0x8b) inflate = new Inflater();
        else plain = true;
      }
      if (!inflate) {
        yield data;
        continue;
      }
      for (let start = 0; start < data.length; start += COMPRESSED_PIECE) {
        yield* await inflate.push(data.subarray(start, start + COMPRESSED_PIECE));
        if (inflate.damage !== null) {
          yield inflate.damage;
          return;
        }
      }
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw new RepriseError('FILE_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, { path: ['files'], cause });
  }
  if (head) yield head;
  if (!inflate) return;
  yield* await inflate.end();
  if (inflate.damage !== null) yield inflate.damage;
}

/** gunzip that keeps what it inflated before the damage: a stream would throw it away. */
class Inflater {
  readonly #gunzip = createGunzip({ chunkSize: 64 * 1024 });
  #out: Buffer[] = [];
  /** Why no more comes; null while all is well. */
  damage: string | null = null;
  #settle: (() => void) | null = null;

  constructor() {
    this.#gunzip.on('data', (data: Buffer) => this.#out.push(data));
    this.#gunzip.on('error', (error: Error) => {
      this.damage = `the compressed file is cut off or damaged (${error.message})`;
      this.#settle?.();
    });
    this.#gunzip.on('end', () => this.#settle?.());
  }

  push(data: Buffer): Promise<Buffer[]> {
    return this.#until((done) => this.#gunzip.write(data, done));
  }

  end(): Promise<Buffer[]> {
    return this.#until(() => this.#gunzip.end());
  }

  async #until(act: (done: () => void) => void): Promise<Buffer[]> {
    await new Promise<void>((resolve) => {
      this.#settle = resolve;
      act(() => resolve());
    });
    const out = this.#out;
    this.#out = [];
    return out;
  }
}

function isList(files: readonly string[] | Readable): files is readonly string[] {
  return Array.isArray(files);
}
