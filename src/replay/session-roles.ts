import type { Entry } from '../journal/entry.ts';
import { keepsState } from './commit-entries.ts';
import { MAY, mayDo } from './marked-statements.ts';
import type { ReplayRequest } from './request.ts';
import type { RoleRoutines } from './role-routines.ts';
import type { TargetSession } from './target-session.ts';

/** What a transaction may do that decides how a walk puts statements of its own into it. */
export interface Mays {
  readonly beReadOnly: boolean;
  /** The login of its session, where it may run under another role; null where it does not. */
  readonly login: string | null;
}

/** Follows what sessions do to their transactions, by what their statements mention. */
export class SessionRoles {
  private readonly request: ReplayRequest;
  private readonly targetUser: string;
  private readonly routines: RoleRoutines;
  /** What each transaction of a session may do because of an earlier one: bits of `MAY`. */
  private readonly lasting = new WeakMap<TargetSession, number>();

  constructor(request: ReplayRequest, targetUser: string, routines: RoleRoutines) {
    this.request = request;
    this.routines = routines;
    this.targetUser = targetUser;
  }

  /** True for a statement that may leave another role in its session. */
  keepsRole(entry: Entry): boolean {
    return this.routines.isMentioned(entry);
  }

  /**
   * Notes a transaction of the session, in their order, be it one that a resumed run passes over. Null, as nearly always: it
   * does nothing of the kind. `begin`: what begins it where no entry does.
   */
  follow(session: TargetSession, entries: readonly Entry[], begin: string | null = null): Mays | null {
    let lasting =
      this.lasting.get(session) ?? session.memory.statements().reduce((may, made) => may | mayDo(made.statement), 0);
    let now = begin === null ? lasting : lasting | mayDo(begin);
    for (const entry of entries) {
      const may = mayDo(entry.statement, entry.statementType);
      now |= may;
      if (may !== 0 && keepsState(entry)) lasting |= may;
      if (this.keepsRole(entry)) lasting |= MAY.CHANGE_ROLE;
      this.routines.learn(entry);
    }
    this.lasting.set(session, lasting);
    now |= lasting;
    if (this.routines.anyMay) now |= MAY.CHANGE_ROLE;
    if (now === 0) return null;
    return {
      beReadOnly: (now & MAY.BE_READ_ONLY) !== 0,
      login: (now & MAY.CHANGE_ROLE) === 0 ? null : this.loginOf(session),
    };
  }

  private loginOf({ planned }: TargetSession): string {
    return this.request.users.find(({ recorded }) => recorded === planned.user)?.user ?? this.targetUser;
  }
}
