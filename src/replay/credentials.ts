import { RepriseError } from '../errors.ts';
import type { ResolvedTarget } from '../target/spec.ts';
import { Connector } from './connector.ts';
import type { ReplayRequest } from './request.ts';
import type { StoredRequest } from './store.ts';

/** Passwords for a run that is resumed: nothing keeps those of its start. */
export interface Credentials {
  /** Of the target's login. */
  readonly password?: string | null;
  /** Of mapped logins, by recorded user. */
  readonly users?: readonly { readonly recorded: string; readonly password: string }[];
}

/** The request as it may be stored and shown: without passwords, and with a note of which there were. */
export function withoutSecrets(request: ReplayRequest): StoredRequest {
  const { password, ...target } = request.target;
  const withheld = {
    target: password != null,
    users: request.users.filter((user) => user.password !== null).map(({ recorded }) => recorded),
  };
  return { ...request, target, users: request.users.map((user) => ({ ...user, password: null })), withheld };
}

/**
 * The stored request with the passwords that it was started with.
 * @throws RepriseError BAD_INPUT when one is missing or belongs to no login of the request; the message names it
 */
export function withCredentials(replay: { readonly id: string; readonly request: StoredRequest }, given: Credentials) {
  const { withheld, ...request } = replay.request;
  const passwords = new Map((given.users ?? []).map(({ recorded, password }) => [recorded, password]));
  const seen = new Set<string>();
  const twice = given.users?.find(({ recorded }) => seen.size === seen.add(recorded).size);
  if (twice !== undefined) {
    const shown = JSON.stringify(twice.recorded.slice(0, 100));
    throw bad(['users'], `credentials.users give recorded user ${shown} two passwords: give one`);
  }
  // Here, where the caller's own field can be named: behind, it is one of the target's, or of a login's.
  if (given.password?.includes('\0')) throw bad(['password'], 'credentials.password holds a NUL character');
  const broken = [...passwords].find(([, password]) => password.includes('\0'));
  if (broken !== undefined) {
    const shown = JSON.stringify(broken[0].slice(0, 100));
    throw bad(['users'], `credentials.users give recorded user ${shown} a password that holds a NUL character`);
  }
  if (withheld?.target && given.password == null) {
    throw bad(
      ['password'],
      `replay ${replay.id} was started with a password for its target, and passwords are not kept: give it again ` +
        '(`credentials.password`; on the command line --password-env or --password-stdin)',
    );
  }
  const missing = withheld?.users.find((recorded) => !passwords.has(recorded));
  if (missing !== undefined) {
    throw bad(
      ['users'],
      `replay ${replay.id} was started with a password for the login of recorded user ${JSON.stringify(missing)}, and ` +
        'passwords are not kept: give it again (`credentials.users`; on the command line --user-password-env)',
    );
  }
  const stray = [...passwords.keys()].find((recorded) => !request.users.some((user) => user.recorded === recorded));
  if (stray !== undefined) {
    throw bad(['users'], `replay ${replay.id} maps no recorded user ${JSON.stringify(stray)}`);
  }
  return {
    ...request,
    target: given.password == null ? request.target : { ...request.target, password: given.password },
    users: request.users.map((user) => ({ ...user, password: passwords.get(user.recorded) ?? null })),
  } satisfies ReplayRequest;
}

/**
 * Logs in once as each login of a request. Before an interrupted run is taken on: a run that has failed at a mistyped
 * password, or at a target that is still down, could not be resumed any more.
 * @throws RepriseError TARGET_UNREACHABLE; REPLAY_STATE when `signal` aborts
 */
export async function checkLogins(target: ResolvedTarget, request: ReplayRequest, signal: AbortSignal): Promise<void> {
  const connector = new Connector(target, signal);
  for (const login of [{}, ...request.users.map(({ user, password }) => ({ user, password }))]) {
    const options = {
      connectTimeoutMs: request.connectTimeoutMs,
      applicationName: 'reprise login check',
      statementTimeoutMs: 10_000,
      readOnly: true,
      ...login,
    };
    await connector.use(options, async () => {});
  }
}

function bad(path: readonly string[], message: string): RepriseError {
  return new RepriseError('BAD_INPUT', message, { path: ['credentials', ...path] });
}
