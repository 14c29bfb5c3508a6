import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { RepriseError } from '../errors.ts';
import type { Micros } from '../journal/entry.ts';
import { Assembler } from './assembler.ts';
import { createReader, formatAt, type LogFormat, type LogShape, recogniseLog } from './log-format.ts';
import { type LogRecord, type RecordReader, type RecordSink, repairRecord } from './log-record.ts';
import { type Piece, readPieces, sizeOf } from './log-source.ts';
import { LogDecoder } from './log-text.ts';
import { LogClock } from './log-time.ts';
import type { OperationSink } from './operation-sink.ts';

/** Raised when the same log gives other operations than before: an import of the older kind is not gone on with. */
const PARSER_VERSION = 5;
const HEAD = 64 * 1024;

/** What to read, and how. */
export interface LogOptions {
  /** Rotated files in sequence, plain or gzipped, `-` for standard input; or one stream. */
  readonly files: readonly string[] | Readable;
  /** Default: told from the log. */
  readonly format?: LogFormat | null;
  /** For stderr. Default: one of the common prefixes, told from the log. */
  readonly logLinePrefix?: string | null;
  /** Names the server in every origin. Default: `default`. */
  readonly nodeId?: string;
  /** The server's `log_timezone`, an IANA name; needed where the log's abbreviation is ambiguous. */
  readonly logTimezone?: string | null;
  /** Ends the reading. */
  readonly signal?: AbortSignal;
}

/** One pass over a log: its operations go to the sink in an order that only the log decides. */
export class LogScan {
  readonly shape: LogShape;
  /** Identifies the log: digest of its first line and of the options that change what it gives. */
  readonly importId: string;
  /** Names as given. */
  readonly files: readonly string[];
  /** Bytes on disk; null when unknown. */
  readonly totalSize: number | null;
  /** Uncompressed bytes read so far. */
  bytes = 0;
  /** Bytes on disk read so far. */
  read = 0;
  records = 0;
  file = '';
  firstRecord: Micros | null = null;
  lastRecord: Micros | null = null;
  readonly #pieces: AsyncGenerator<Piece>;
  readonly #head: Piece[];
  readonly #assembler: Assembler;
  readonly #reader: RecordReader;
  readonly #decoder: LogDecoder;
  readonly #digest = createHash('sha256');

  private constructor(
    options: LogOptions,
    sink: OperationSink,
    source: { pieces: AsyncGenerator<Piece>; head: Piece[]; totalSize: number | null },
  ) {
    const { format = null, logLinePrefix = null, logTimezone = null, nodeId = 'default' } = options;
    const head = Buffer.concat(source.head.map((piece) => piece.data)).subarray(0, HEAD);
    this.#pieces = source.pieces;
    this.#head = source.head;
    this.totalSize = source.totalSize;
    this.files = Array.isArray(options.files) ? [...(options.files as readonly string[])] : ['-'];
    this.shape = recogniseLog(head.toString('utf8'), format, logLinePrefix);
    const { prefix, windowsLineEnds, bareContinuations } = this.shape;
    this.#decoder = new LogDecoder(windowsLineEnds);
    const newline = head.indexOf(10);
    const kind = [PARSER_VERSION, nodeId, this.shape.format, prefix?.text ?? null, logTimezone];
    // A log that has grown may be recognised otherwise than before, and then gives other operations.
    if (windowsLineEnds) kind.push('windows');
    if (bareContinuations) kind.push('bare');
    this.importId = createHash('sha256')
      .update(JSON.stringify(kind))
      .update(newline < 0 ? head : head.subarray(0, newline))
      .digest('hex')
      .slice(0, 32);
    this.#assembler = new Assembler(nodeId, sink);
    const counting: RecordSink = {
      record: (record: LogRecord) => {
        this.records++;
        if (this.#decoder.foreign) repairRecord(record);
        this.firstRecord ??= record.time;
        this.lastRecord = record.time;
        this.#assembler.record(record);
      },
      unparsable: (file, line, detail) => this.#assembler.unparsable(file, line, detail),
    };
    this.#reader = createReader(this.shape, counting, new LogClock(logTimezone));
  }

  /**
   * Opens the files and tells the format from the first 64 KiB.
   * @throws RepriseError FILE_UNREADABLE, FORMAT_UNKNOWN, PREFIX_UNUSABLE, BAD_INPUT (time zone)
   */
  static async open(options: LogOptions, sink: OperationSink): Promise<LogScan> {
    const { files, signal } = options;
    const totalSize = Array.isArray(files) ? await sizeOf(files as readonly string[]) : null;
    const pieces = readPieces(files, signal);
    const head: Piece[] = [];
    for (let length = 0; length < HEAD; ) {
      const next = await pieces.next();
      if (next.done) break;
      head.push(next.value);
      length += next.value.data.length;
    }
    try {
      return new LogScan(options, sink, { pieces, head, totalSize });
    } catch (error) {
      await pieces.return(undefined);
      throw error;
    }
  }

  /** Sessions met so far. */
  get sessions(): number {
    return this.#assembler.sessions;
  }

  /** Digest of the bytes read so far. */
  prefixDigest(): string {
    return this.#digest.copy().digest('hex');
  }

  /**
   * Reads on piece by piece; the sink has everything of a piece when it is given. One piece ends exactly at byte
   * `stopAt`. The log is read no faster than pieces are taken.
   */
  async *pieces(stopAt: number | null = null): AsyncGenerator<void> {
    try {
      for (let piece = this.#head.shift(); piece; piece = this.#head.shift()) yield* this.#piece(piece, stopAt);
      for await (const piece of this.#pieces) yield* this.#piece(piece, stopAt);
    } finally {
      await this.#pieces.return(undefined);
    }
  }

  /** The log ends here, for now. First gives out what a log that goes on would give, too. */
  settle(): void {
    this.#reader.settle();
  }

  /** Gives out the rest: what is cut off, and statements without outcome. */
  finish(): void {
    const rest = this.#decoder.end();
    if (rest !== '') this.#reader.push(rest);
    this.#reader.end();
    this.#assembler.flush();
  }

  *#piece(piece: Piece, stopAt: number | null): Generator<void> {
    this.read = piece.read;
    if (piece.first) {
      this.file = piece.file;
      this.#checkFormat(piece);
      this.#reader.startFile(piece.file);
    }
    if (piece.damage !== undefined) this.#assembler.unparsable(piece.file, 1, piece.damage);
    let { data } = piece;
    const before = stopAt === null ? 0 : stopAt - this.bytes;
    if (before > 0 && before < data.length) {
      this.#feed(data.subarray(0, before), piece.first);
      yield;
      data = data.subarray(before);
      this.#feed(data, false);
    } else this.#feed(data, piece.first);
    yield;
  }

  #feed(data: Buffer, fileBegins: boolean): void {
    if (data.length === 0) return;
    this.#digest.update(data);
    this.bytes += data.length;
    const text = this.#decoder.write(data, fileBegins);
    if (text !== '') this.#reader.push(text);
  }

  #checkFormat(piece: Piece): void {
    const format = formatAt(piece.data.toString('utf8', 0, 2048));
    if (format === null || format === this.shape.format || this.bytes === 0) return;
    throw new RepriseError(
      'FORMAT_UNKNOWN',
      `${piece.file} is ${format} and the files before it are ${this.shape.format}: import one format at a time`,
      { path: ['files'] },
    );
  }
}
