import { rm } from 'node:fs/promises';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { initialisedFolder } from '../support/postgres.ts';
import { createShopTarget, SHOP_LOG } from '../support/shop.ts';
import { cliHere, type Env, type ServiceProcess, startService } from './process.ts';

/** The first statements of the shop's log, before anything is contended. */
export const BEGINNING = ['--from', '2026-11-23T16:28:37.447Z', '--to', '2026-11-23T16:28:37.500Z'];
export const CTRL_C = '\u0003';
export const READER = 'reader-token-of-a-test';
const OPERATOR = 'operator-token-of-a-test';

/** The id of the run that a command tells of. */
export const idIn = (text: string) => /replay ([0-9a-f-]{36})/.exec(text)?.[1] ?? text;

/** A service with the shop's record in its journal, two runs of its beginning, and somewhere to replay. */
export interface ShopService {
  readonly folder: string;
  readonly process: ServiceProcess;
  /** As the record begins, but for what `good` did; and without any table. */
  readonly target: TestDatabase;
  readonly empty: TestDatabase;
  /** Of an operator of the service. */
  readonly env: Env;
  /** Runs that did as recorded, and that failed throughout; an entry of the journal. */
  readonly good: string;
  readonly bad: string;
  readonly entry: string;
  /** A run that takes far longer than any test. */
  long(): string[];
  state(id: string): Promise<string>;
  close(): Promise<void>;
}

/** Flags that lead to a database. */
export const at = (database: TestDatabase) => [
  ...['--host', database.host, '--port', String(database.port), '--user', database.user],
  ...['--password-env', 'TARGET_PASSWORD', '--database', database.name],
];

export async function startShopService(): Promise<ShopService> {
  const folder = await initialisedFolder('shop');
  const [service, target, empty] = await Promise.all([
    startService(folder, 0, {
      REPRISE_TOKENS: `${OPERATOR}:operator,${READER}:reader`,
      REPRISE_TARGETS: '{"gone":{"host":"127.0.0.1","port":1}}',
    }),
    createShopTarget(),
    createTestDatabase(),
  ]);
  const env = {
    REPRISE_SERVER_URL: service.url,
    REPRISE_TOKEN: OPERATOR,
    REPRISE_DATA_DIR: folder,
    REPRISE_PORT: '0',
    TARGET_PASSWORD: target.password,
  };
  const done = async (...args: readonly string[]) => {
    const result = await cliHere(args, env);
    if (result.code !== 0 && result.code !== 1) throw new Error(`${args.join(' ')}: ${result.stderr}`);
    return result;
  };
  await done('import', SHOP_LOG);
  const runOn = async (database: TestDatabase) =>
    idIn((await done('replay', 'start', ...BEGINNING, ...at(database), '--watch')).stderr);
  const [good, bad] = [await runOn(target), await runOn(empty)];
  const { stdout } = await done('journal', 'ls', '--window', 'all', '--limit', '1', '--json');
  return {
    ...{ folder, process: service, target, empty, env, good, bad, entry: JSON.parse(stdout).entries[0].id },
    long: () => ['replay', 'start', '--window', 'all', ...at(target), '--speed', '0.1', '--watch'],
    state: async (id) => JSON.parse((await done('replay', 'show', id, '--json')).stdout).state,
    async close() {
      await service.end('SIGTERM');
      await Promise.all([target.drop(), empty.drop()]);
      await rm(folder, { recursive: true });
    },
  };
}
