/** By the first version of PostgreSQL that has them. */
const IDLE_TIMEOUTS = [
  ['idle_in_transaction_session_timeout', 9.6],
  ['idle_session_timeout', 14],
  ['transaction_timeout', 17],
] as const;

/**
 * Settings at login that turn off what the target bounds a session by that sends nothing, or takes its time between statements: in
 * the record it did not. Pauses, stalls and the speed are the replay's own.
 * @param serverVersion as the server tells it: `17.2`, `18beta1`
 */
export function withoutIdleTimeouts(serverVersion: string): Record<string, string> {
  const version = Number.parseFloat(serverVersion);
  return Object.fromEntries(IDLE_TIMEOUTS.filter(([, since]) => version >= since).map(([name]) => [name, '0']));
}
