import type { Draw, Group } from './draw.ts';
import type { Track } from './track.ts';

/** Sessions whose last draws are remembered. */
const MOST_SESSIONS = 10_000;

/** What is remembered of a session: its last draws, and what it prepared with SQL. */
export interface LedgerSession {
  readonly groups: Map<Track, Group>;
  /** Those before these. */
  readonly earlier: Map<Track, readonly Group[]>;
  /** Its last draw from each sequence, the latest one last. */
  readonly last: Map<Track, { readonly draw: Draw; readonly transactionId: string }>;
  /** Draws of its last statement, whose end is not known yet. */
  running: Draw[];
  /** Texts by name. */
  prepared: Map<string, string> | null;
  /** What it drew last came from a sequence of its own. */
  drewTemporary: boolean;
}

/** The sessions of a record that drew last. */
export class LedgerSessions {
  private readonly sessions = new Map<string, LedgerSession>();

  /** One that is remembered. */
  known(key: string): LedgerSession | undefined {
    return this.sessions.get(key);
  }

  /** One that draws or prepares: it is forgotten last. */
  of(key: string): LedgerSession {
    let session = this.sessions.get(key);
    if (session === undefined) {
      session = {
        groups: new Map(),
        earlier: new Map(),
        last: new Map(),
        running: [],
        prepared: null,
        drewTemporary: false,
      };
      if (this.sessions.size >= MOST_SESSIONS) {
        const oldest = this.sessions.keys().next().value;
        if (oldest !== undefined) this.sessions.delete(oldest);
      }
    } else this.sessions.delete(key);
    this.sessions.set(key, session);
    return session;
  }

  /** Lets go of what sessions drew from some sequences. */
  forget(forgotten: ReadonlySet<Track>): void {
    for (const { groups, earlier, last } of this.sessions.values())
      for (const tracks of [groups, earlier, last])
        for (const track of tracks.keys()) if (forgotten.has(track)) tracks.delete(track);
  }
}
