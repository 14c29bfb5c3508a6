/**
 * Takes every picture of docs/images anew, in one session: `npm run pictures`, with Chromium (or CHROMIUM).
 *
 * The shop's record, replayed in COMMIT ordering: on `staging`, which is as the record begins, and on `upgraded`, which
 * lacks the table `carts_archive`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client as PostgresClient } from 'pg';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { createApp } from '../../src/app.ts';
import { importLog } from '../../src/capture/import-log.ts';
import { createClient, type ReplayInput, StartReplayDocument, unwrap } from '../../src/client/index.ts';
import { loadConfig } from '../../src/config.ts';
import { startEmbedded } from '../../src/store/embedded.ts';

const WINDOW = { from: '2026-11-23T16:28:37.426000Z', to: '2026-11-23T16:28:42.500000Z' };
const DATABASES = { staging: 'shop_staging', upgraded: 'shop_upgraded', nightly: 'shop_nightly', live: 'shop_live' };
const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const example = (file: string) => new URL(`../../examples/shop/${file}`, import.meta.url);

const WIDE = { viewport: { width: 1360, height: 860 } };
const LOOKS = {
  light: { ...WIDE, colorScheme: 'light' },
  dark: { ...WIDE, colorScheme: 'dark' },
  narrow: { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
} as const satisfies Record<string, BrowserContextOptions>;

/** Undone in reverse order, whatever happens. */
const cleanups: (() => Promise<unknown>)[] = [];

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'reprise-pictures-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  // So that durations tell of the statements and not of this machine's disk.
  const settings = { fsync: 'off', synchronous_commit: 'off' };
  const server = await startEmbedded({ dataDir: join(folder, 'target'), settings });
  cleanups.push(() => server.stop());
  const schema = await readFile(example('schema.sql'), 'utf8');
  for (const [alias, name] of Object.entries(DATABASES)) {
    await server.createDatabase(name);
    const database = new PostgresClient({ connectionString: server.url(name) });
    await database.connect();
    await database.query(alias === 'upgraded' ? `${schema}; DROP TABLE carts_archive` : schema);
    await database.end();
  }
  const { host, port, user, password } = server;
  const target = { host, port, user, password, tls: 'disable' };
  const app = createApp(
    loadConfig(
      {},
      {
        REPRISE_PORT: '0',
        REPRISE_DATA_DIR: join(folder, 'service'),
        REPRISE_LOG_LEVEL: 'warn',
        REPRISE_TARGETS: JSON.stringify(
          Object.fromEntries(Object.entries(DATABASES).map(([alias, database]) => [alias, { ...target, database }])),
        ),
      },
    ),
  );
  cleanups.push(() => app.stop());
  const service = await app.start();
  await importLog({ files: [example('postgresql.csv.gz').pathname], store: service.journal });

  const client = createClient({ url: service.url });
  const start = async (alias: keyof typeof DATABASES, more: Partial<ReplayInput> = {}) => {
    const input = {
      window: WINDOW,
      target: { alias },
      ordering: 'COMMIT',
      inFlight: 1,
      thresholds: ['failures<1%'],
      ...more,
    } as const;
    return unwrap((await client.request(StartReplayDocument, { input })).startReplay).id;
  };
  const finished = async (id: string) => {
    for await (const _update of client.watchReplay(id, { detail: 'SUMMARY', batchSize: 1000 }));
    return id;
  };

  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  cleanups.push(() => browser.close());
  const open = async (look: keyof typeof LOOKS, address: string, ready: (page: Page) => Promise<unknown>) => {
    const context = await browser.newContext(LOOKS[look]);
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    await page.goto(`${service.url}/#/${address}`);
    await ready(page);
    return page;
  };
  const save = async (page: Page, name: string) => {
    await page.evaluate('document.fonts.ready');
    await page.screenshot({ path: join(IMAGES, `dashboard-${name}.png`), animations: 'disabled' });
    await page.context().close();
    console.log(name);
  };
  const take = async (
    look: keyof typeof LOOKS,
    name: string,
    address: string,
    ready: (page: Page) => Promise<unknown>,
  ) => save(await open(look, address, ready), name);

  const good = await finished(await start('staging'));
  const bad = await finished(await start('upgraded'));
  await finished(await start('nightly', { ordering: 'SESSION', filter: { statementTypes: ['SELECT'] } }));

  const live = await start('live', { pace: { mode: 'RECORDED', speed: 0.1 }, inFlight: 256 });
  const shown = (page: Page) => page.locator('[data-connection="LIVE"]').waitFor();
  const pages = [
    ['live', await open('light', `runs/${live}`, shown)],
    ['live-dark', await open('dark', `runs/${live}`, shown)],
    ['live-narrow', await open('narrow', `runs/${live}`, shown)],
  ] as const;
  await pages[0][1].locator('xpath=//*[@role="progressbar"][number(@aria-valuenow) >= 4200]').waitFor();
  for (const [name, page] of pages) await save(page, name);

  const rows = (page: Page) => page.locator('.vbody .vrow').nth(3).waitFor();
  const part = 'from=2026-11-23T16:28:39.000Z&to=2026-11-23T16:28:40.400Z';
  await take('light', 'runs', 'runs', (page) => page.locator('.runs tbody tr').nth(3).waitFor());
  for (const [look, name] of [
    ['light', 'journal'],
    ['dark', 'journal-dark'],
    ['narrow', 'journal-narrow'],
  ] as const) {
    await take(look, name, `journal?${part}`, rows);
  }
  await take('light', 'entry', `journal?${part}`, async (page) => {
    await page.getByRole('searchbox').fill('INSERT INTO order_lines');
    await page.locator('.vbody .vrow').first().filter({ hasText: 'order_lines' }).waitFor();
    await page.locator('.vbody .vrow').nth(2).click();
    await page.getByRole('grid', { name: 'Entries of the transaction' }).locator('.vbody .vrow').nth(2).waitFor();
  });
  await take('light', 'new-replay', `new?target=nightly&${part}`, async (page) => {
    await page.getByRole('radio', { name: /^Commit/ }).check();
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.locator('[data-preflight="ready"]').waitFor();
    await page.evaluate('scrollTo(0, 0)');
  });
  await take('light', 'run', `runs/${good}`, async (page) => {
    await page.locator('[data-verdict]').waitFor();
    await page.locator('.line-chart canvas').waitFor();
  });
  for (const [look, name] of [
    ['light', 'failures'],
    ['dark', 'failures-dark'],
  ] as const) {
    await take(look, name, `runs/${bad}?tab=failures`, async (page) => {
      await page.locator('.group summary').first().click();
      await page.locator('.group .vbody .vrow').first().waitFor();
      await page.locator('.group button.link').first().waitFor();
    });
  }
  await take('light', 'outcomes', `runs/${bad}?tab=outcomes`, rows);
  await take('light', 'statement', `runs/${bad}?tab=outcomes`, async (page) => {
    await page.getByLabel('Status').selectOption('FAILED');
    await page.locator('.vbody .sign.bad').first().click();
    await page.getByRole('dialog').getByText('does not exist').first().waitFor();
  });
  await take('light', 'statements', `runs/${good}?tab=statements`, rows);
  await take('light', 'compare', `compare?a=${good}&b=${bad}`, (page) =>
    page.locator('.vbody .vrow').first().waitFor(),
  );
}

try {
  await main();
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
