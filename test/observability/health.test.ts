import { expect, onTestFinished, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { startEmbedded } from '../../src/store/embedded.ts';
import { until } from '../server/support.ts';
import { FAST_SETTINGS, startTestServer } from '../support/postgres.ts';
import { scrape } from './support.ts';

test('without its database the service is up but not ready, says so, and is ready again when it is back', async () => {
  const postgres = await startTestServer();
  await postgres.createDatabase('journal');
  const app = createApp(
    loadConfig({}, { REPRISE_PORT: '0', DATABASE_URL: postgres.url('journal'), REPRISE_LOG_LEVEL: 'silent' }),
  );
  const { url } = await app.start();
  const ready = async () => {
    const response = await fetch(`${url}/ready`);
    return { status: response.status, body: await response.json() };
  };
  expect(await ready()).toEqual({ status: 200, body: { status: 'ready' } });

  await postgres.kill();
  expect(await ready()).toEqual({
    status: 503,
    body: { status: 'unavailable', reason: "the journal's database cannot be used" },
  });
  expect((await fetch(`${url}/health`)).status).toBe(200);
  expect((await scrape(url)).get('reprise_journal_up')).toBe(0);

  const again = await startEmbedded({
    dataDir: postgres.dataDir,
    settings: { ...FAST_SETTINGS, port: String(postgres.port) },
  });
  onTestFinished(async () => {
    await app.stop();
    await again.stop();
    await postgres.stop();
  });
  await until(async () => (await ready()).status === 200);
  expect((await scrape(url)).get('reprise_journal_up')).toBe(1);
});
