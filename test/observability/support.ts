import { type App, createApp, type RunningApp } from '../../src/app.ts';
import { importLog } from '../../src/capture/import-log.ts';
import { loadConfig } from '../../src/config.ts';
import type { Replay } from '../../src/replay/store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createShopTarget, SHOP_LOG } from '../support/shop.ts';

/** A service with the shop's record in its journal. */
export interface ShopService extends RunningApp {
  readonly store: TestDatabase;
  /** Starts a replay of the first moments of the record, on a target that is as the record begins. */
  begin(speed?: number): Promise<Replay>;
  /** The same, to the end of the run. */
  replay(speed?: number): Promise<Replay>;
  close(): Promise<void>;
}

/** Of the record that is replayed, in microseconds: some hundred statements. */
const SPAN = 300_000;

export async function startShop(overrides: Readonly<Record<string, string>> = {}): Promise<ShopService> {
  const store = await createTestDatabase('journal');
  const targets: TestDatabase[] = [];
  const config = loadConfig(
    {},
    { REPRISE_PORT: '0', DATABASE_URL: store.url, REPRISE_LOG_LEVEL: 'silent', ...overrides },
  );
  const app: App = createApp(config);
  const running = await app.start();
  await importLog({ files: [SHOP_LOG], store: running.journal });
  const { journal, engine } = running;

  async function begin(speed?: number): Promise<Replay> {
    const target = await createShopTarget();
    targets.push(target);
    const { first } = await journal.coverage({ from: 0, to: Number.MAX_SAFE_INTEGER }, 1);
    const { host, port, user, password, name } = target;
    return engine.start({
      window: { from: first ?? 0, to: (first ?? 0) + SPAN },
      target: { host, port, user, password, database: name },
      ...(speed === undefined ? {} : { pace: { mode: 'RECORDED', speed, maxIdleMs: null } }),
    });
  }

  return {
    ...running,
    store,
    begin,
    async replay(speed) {
      const { id } = await begin(speed);
      for await (const _event of engine.stream(id, 0));
      return (await engine.get(id)) as Replay;
    },
    async close() {
      await app.stop();
      for (const database of [store, ...targets]) await database.drop();
    },
  };
}

/** Samples of `/metrics`: `name{label="value"}` and its value. */
export async function scrape(url: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}: ${text}`);
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}
