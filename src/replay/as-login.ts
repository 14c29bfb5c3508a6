import type { Mays } from './session-roles.ts';

/** A DO block for a statement that a walk puts into a transaction, which does it as the login, and not where that is read-only. */
export function ownBlock(work: string, { beReadOnly, login }: Mays): string {
  const done = login === null ? `${work};` : asLogin(work, login);
  // The server refuses what writes in a read-only transaction whatever it finds, and lets nobody write again by then.
  return beReadOnly
    ? `DO $reprise$BEGIN IF pg_catalog.current_setting('transaction_read_only') = 'off' THEN ${done} END IF; END$reprise$`
    : `DO $reprise$BEGIN ${done} END$reprise$`;
}

/**
 * PL/pgSQL that works as the user who logged in, whatever role the session runs under, which stands again behind it: what
 * COMMIT does is done under it. Set back by COMMIT itself, that is all the session keeps, whatever its own SET LOCAL or SET
 * were; so it does where the role may not be taken again, because it was dropped or revoked since.
 */
function asLogin(work: string, login: string): string {
  // Before the releases of November 2024, COMMIT loses the role where a session authorization was set without need.
  const isOther = `own_login <> '${login.replaceAll("'", "''")}'`;
  return `DECLARE
 own_login pg_catalog.text := pg_catalog.current_setting('session_authorization');
 own_role pg_catalog.text := pg_catalog.current_setting('role');
BEGIN
 IF ${isOther} THEN SET LOCAL session_authorization TO DEFAULT; END IF;
 SET LOCAL role TO DEFAULT;
 ${work};
 BEGIN
  IF ${isOther} THEN PERFORM pg_catalog.set_config('session_authorization', own_login, true); END IF;
  PERFORM pg_catalog.set_config('role', own_role, true);
 EXCEPTION WHEN OTHERS THEN NULL;
 END;
END;`;
}
