import { messageOf, RepriseError } from '../errors.ts';
import { defaultOf, type Environment, given, type Overrides } from './environment.ts';
import { readServerUrl } from './values.ts';

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
  const name = 'REPRISE_SERVER_URL';
  const { [name]: url = defaultOf(name), REPRISE_TOKEN: token = null } = given(env, overrides);
  try {
    return { serverUrl: readServerUrl(url), token };
  } catch (error) {
    throw new RepriseError('CONFIG_INVALID', `${name}: ${messageOf(error)}`, { path: [name] });
  }
}
