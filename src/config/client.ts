import { messageOf, RepriseError } from '../errors.ts';
import { defaultOf, type Environment, given, type Overrides } from './environment.ts';
import { readServerUrl, readToken } from './values.ts';
import type { VariableName } from './variables.ts';

/** What a client of the service reads from its environment. */
export interface ClientConfig {
  /** Without a slash at its end. */
  readonly serverUrl: string;
  readonly token: string | null;
}

/**
 * Reads and checks a client's configuration; the service's variables are not looked at. Apart from `config.ts`, so that a
 * command which asks a service does not load what checks those.
 * @throws RepriseError CONFIG_INVALID
 */
export function loadClientConfig(env: Environment, overrides: Overrides = {}): ClientConfig {
  const { REPRISE_SERVER_URL: url = defaultOf('REPRISE_SERVER_URL'), REPRISE_TOKEN: token } = given(env, overrides);
  return {
    serverUrl: checked('REPRISE_SERVER_URL', () => readServerUrl(url)),
    token: token === undefined ? null : checked('REPRISE_TOKEN', () => readToken(token)),
  };
}

function checked(name: VariableName, read: () => string): string {
  try {
    return read();
  } catch (error) {
    throw new RepriseError('CONFIG_INVALID', `${name}: ${messageOf(error)}`, { path: [name] });
  }
}
