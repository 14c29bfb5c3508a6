/** What the target lets a run have of connections by one login to one database. */
export interface TargetLimit {
  /** 0: those of others fill it, be they of this run. */
  readonly connections: number;
  /** Of the run, by whatever login, when it was met. */
  readonly ofRun: number;
  /** What it said when it refused one more. */
  readonly why: string;
}

/** How long a refusal holds before one more connection is asked for: others may have left. Milliseconds. */
const HOLDS_MS = 5_000;

/**
 * Limits of connections that a run meets on its way, below `maxConnections`: those of the server (`max_connections`), which it shares
 * with others, and those of a login or a database (`CONNECTION LIMIT`).
 */
export class TargetLimits {
  private readonly met = new Map<string, TargetLimit & { readonly until: number }>();

  /** The target has refused one more than so many. True where the limit is news. */
  refused(key: string, limit: TargetLimit): boolean {
    const before = this.met.get(key);
    this.met.set(key, { ...limit, until: performance.now() + HOLDS_MS });
    return before?.connections !== limit.connections;
  }

  /** The limit of a login to a database, as far as it is known to hold still. */
  of(key: string): TargetLimit | null {
    const limit = this.met.get(key);
    return limit !== undefined && performance.now() < limit.until ? limit : null;
  }

  /** True while any holds. */
  get hold(): boolean {
    return this.holding.length > 0;
  }

  /** Whether a connection of this login, given up, would let in somebody whom a limit keeps out. */
  yields(key: string): boolean {
    const { holding } = this;
    return holding.length === 0 || this.of(key) !== null || holding.some(({ connections }) => connections === 0);
  }

  private get holding(): readonly TargetLimit[] {
    return [...this.met.keys()].flatMap((key) => this.of(key) ?? []);
  }
}
