import type { Transport } from './transport.ts';

/** No wait is longer, so that live progress does not come in jerks. Milliseconds. */
const MOST_MS = 5;
/** A timer's own grain: shorter waits cannot be had. Milliseconds. */
const LEAST_MS = 1;
/** How much the newest read counts in the mean time of an answer. */
const WEIGHT = 0.2;

/**
 * Leaves answers with the kernel for a moment while so many statements are under way that nobody waits for the next one.
 * The server sends each answer by itself, and a client that is woken for each spends more on that than on everything
 * else it does with a statement, as does the server, which does the waking.
 *
 * The wait lasts until the statements under way should have come down to the mark at which more are sent, by what an
 * answer took of late.
 */
export class GatheredReads {
  private readonly transport: Transport;
  /** More statements under way than this: nobody waits for the next answer. */
  private mark = Number.POSITIVE_INFINITY;
  private meanMs = LEAST_MS;
  private hurried = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Statements under way up to which every answer is read as it comes; infinite at first. */
  above(mark: number): void {
    this.mark = mark;
  }

  /** A read was taken apart. `shareMs`: what each of its answers took; `left`: statements under way now. */
  after(shareMs: number, left: number): void {
    this.meanMs += (shareMs - this.meanMs) * WEIGHT;
    if (left <= this.mark) {
      this.hurried = false;
      return;
    }
    const ms = Math.min(MOST_MS, (left - this.mark) * this.meanMs);
    if (this.hurried || ms < LEAST_MS || this.timer !== null || !this.transport.hold()) return;
    this.timer = setTimeout(() => this.read(), Math.floor(ms));
  }

  /** Somebody waits for an answer: reads at once, until no more are under way than the mark says. */
  hurry(): void {
    this.hurried = true;
    if (this.timer !== null) this.read();
  }

  /** The connection ends: whatever comes is read. */
  stop(): void {
    this.mark = Number.POSITIVE_INFINITY;
    if (this.timer !== null) this.read();
  }

  private read(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.transport.release();
  }
}
