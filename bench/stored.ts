/** Results of one part, as kept in results/latest.json. */
export interface StoredPart {
  /** RFC 3339. */
  readonly takenAt: string;
  /** Commit of the build, short; with `+` where its tree held changes that were not committed. */
  readonly build: string;
  /** Model of the CPU: parts are measured one by one, and not all on the same machine. */
  readonly cpu: string;
  readonly quick: boolean;
  readonly rounds: number;
  /** Processes that wanted a CPU in the minute before, on average: far above 0, the machine was not quiet. */
  readonly loadBefore: number;
  readonly data: unknown;
}

/** All of results/latest.json. */
export interface Stored {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly parts: Readonly<Record<string, StoredPart>>;
}
