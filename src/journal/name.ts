/**
 * Most characters of a name that a caller may give: a user, a database, an application, a session, a node, a prepared statement.
 * PostgreSQL's own have 63 bytes; what others call their sessions is longer.
 */
const LONGEST_NAME = 1_000;

/** What is wrong with a name, to be read behind the name of its field; null when nothing is. */
export function nameProblem(name: string): string | null {
  if (name.includes('\0')) return 'holds a NUL character, which no name of PostgreSQL does';
  return name.length > LONGEST_NAME ? `has ${name.length} characters: give at most ${LONGEST_NAME}` : null;
}
