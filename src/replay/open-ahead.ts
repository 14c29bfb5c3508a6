import type { TargetSession } from './target-session.ts';
import type { WalkContext } from './walk.ts';

/**
 * Logins under way at once. They take a target's processor 3 to 6 ms each, which is taken from the statements that are due
 * meanwhile: a whole page of them at once made these late by 70 ms (p95; two at once 2 ms). What a login takes beyond that is travel,
 * during which others may be under way.
 */
const AT_ONCE = { least: 2, most: 32, workMs: 2.5 } as const;

/**
 * At recorded pace: opens the connections of sessions before their statements are due, in the order of these and as far
 * as there is room. A connection takes milliseconds, which would be lag of the session's first statement, and in TIMESTAMP
 * of all that follow.
 *
 * What fails is told by the statement that needs the connection, which tries again.
 */
export class OpenAhead {
  private readonly context: WalkContext;
  private waiting: TargetSession[] = [];
  private opening = 0;
  /** What the fastest login took: the others may have waited for a processor. */
  private fastestMs = 0;
  private onRest: (() => void) | null = null;

  constructor(context: WalkContext) {
    this.context = context;
  }

  /** True where it is of use at all. */
  get isAsked(): boolean {
    const { request, settled } = this.context;
    // A resumed run passes over what was sent before: its sessions may need no connection any more.
    return request.pace.mode === 'RECORDED' && settled === null;
  }

  /** The sessions that come next. Those of the page before have had their time. */
  next(sessions: Iterable<TargetSession>): void {
    this.waiting = [...new Set(sessions)].filter((session) => session.connection === null);
    this.more();
  }

  /** Opens more of them: there may be room. */
  more(): void {
    const { pool, control } = this.context;
    while (this.opening < this.atOnce && pool.room > 0 && control.endReason === null) {
      const session = this.waiting.shift();
      if (session === undefined) break;
      // Its first statement may have come, and its last.
      if (session.connection !== null || session.opening !== null || session.remaining <= 0) continue;
      this.opening += 1;
      const startedAt = performance.now();
      const ended = () => {
        this.opening -= 1;
        this.more();
      };
      const failed = () => {
        // The others would fail likewise, one after another, each after several attempts.
        this.waiting = [];
        ended();
      };
      const opened = () => {
        const tookMs = performance.now() - startedAt;
        this.fastestMs = this.fastestMs === 0 ? tookMs : Math.min(this.fastestMs, tookMs);
        ended();
      };
      pool.connect(session).then(opened, failed);
    }
    if (this.opening === 0) this.onRest?.();
  }

  private get atOnce(): number {
    return Math.max(AT_ONCE.least, Math.min(AT_ONCE.most, Math.round(this.fastestMs / AT_ONCE.workMs)));
  }

  /** When no more can be opened now: before the schedule begins, which waits for that. */
  async rest(): Promise<void> {
    if (this.opening > 0) {
      await new Promise<void>((resolve) => {
        this.onRest = resolve;
      });
    }
    this.onRest = null;
  }
}
