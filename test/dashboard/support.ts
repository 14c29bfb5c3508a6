import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client as PostgresClient } from 'pg';
import { type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, beforeAll, inject } from 'vitest';
import { createApp } from '../../src/app.ts';
import { type Client, createClient } from '../../src/client/index.ts';
import { loadConfig } from '../../src/config.ts';
import { isStale } from '../support/build.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createShopJournal } from '../support/shop.ts';

/** Where Chromium is; null where there is none, and the tests of the page are skipped. */
export const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== undefined && existsSync(path),
);

if (CHROMIUM === undefined) {
  console.warn('No Chromium: the tests of the dashboard are skipped. Install `chromium`, or set CHROMIUM to its path.');
}

const example = (file: string) => new URL(`../../examples/shop/${file}`, import.meta.url);

/** The span of the shop's record. */
export const SHOP = { from: '2026-11-23T16:28:37.426000Z', to: '2026-11-23T16:28:42.500000Z' } as const;

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));

/**
 * Builds the page into dist/dashboard, where the service looks for it, unless it is there and current. Test files do this
 * side by side: each builds apart and moves whole files into place.
 */
export async function buildDashboard(): Promise<void> {
  const page = join(DIST, 'dashboard', 'index.html');
  if (!(await isStale(page, ['src/dashboard', 'src/client', 'src/errors.ts', 'vite.config.ts', 'package-lock.json'])))
    return;
  await mkdir(join(DIST, 'dashboard', 'assets'), { recursive: true });
  const outDir = await mkdtemp(join(DIST, '.dashboard-'));
  try {
    const { build } = await import('vite');
    await build({
      configFile: fileURLToPath(new URL('../../vite.config.ts', import.meta.url)),
      logLevel: 'error',
      build: { outDir },
    });
    for (const asset of await readdir(join(outDir, 'assets'))) {
      await rename(join(outDir, 'assets', asset), join(DIST, 'dashboard', 'assets', asset));
    }
    await rename(join(outDir, 'index.html'), page);
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

export interface Dashboard {
  /** Base of the service: `http://127.0.0.1:1234`. */
  readonly url: string;
  readonly port: number;
  /** A client beside the page, to see what is true. */
  readonly client: Client;
  /** Of the database that keeps its journal and runs. */
  readonly journalUrl: string;
  readonly staging: TestDatabase;
  readonly broken: TestDatabase;
  close(): Promise<void>;
}

export interface DashboardOptions {
  /** Whether it holds the shop's log. Default: true. */
  readonly journal?: boolean;
  /** `token:role`, by comma. */
  readonly tokens?: string;
}

/**
 * The real service with the built page. Its targets: `staging`, which is as the record begins, and `broken`, which
 * lacks the table `carts_archive`.
 */
export async function startDashboard({ journal = true, tokens = '' }: DashboardOptions = {}): Promise<Dashboard> {
  const store = await (journal ? createShopJournal() : createTestDatabase('journal'));
  const [staging, broken] = [await createTestDatabase(), await createTestDatabase()];
  const schema = await readFile(example('schema.sql'), 'utf8');
  await run(staging, schema);
  await run(broken, `${schema}; DROP TABLE carts_archive`);
  const { host, port, user, password } = inject('sharedServer');
  const target = { host, port, user, password, tls: 'disable' };
  const app = createApp(
    loadConfig(
      {},
      {
        REPRISE_PORT: '0',
        DATABASE_URL: store.url,
        REPRISE_LOG_LEVEL: 'silent',
        REPRISE_TOKENS: tokens,
        REPRISE_TARGETS: JSON.stringify({
          staging: { ...target, database: staging.name },
          broken: { ...target, database: broken.name },
        }),
      },
    ),
  );
  const service = await app.start();
  return {
    url: service.url,
    port: Number(new URL(service.url).port),
    journalUrl: store.url,
    staging,
    broken,
    client: createClient({ url: service.url, token: tokens.split(':')[0] || null }),
    async close() {
      await app.stop();
      for (const created of [store, staging, broken]) await created.drop();
    },
  };
}

/** How the list of targets names an alias: none of the tests' two is refused. */
export function labelOf({ staging, broken }: Dashboard, alias: 'staging' | 'broken'): string {
  const { host, port, name } = { staging, broken }[alias];
  return `${alias} · ${host}:${port}/${name}`;
}

async function run(database: TestDatabase, text: string): Promise<void> {
  const client = new PostgresClient({ connectionString: database.url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

export interface Browser {
  readonly context: BrowserContext;
  /** An empty page; what the page logs as an error fails the test through `errors`. */
  page(): Promise<Page>;
  /** Errors of scripts, of the console and of the content security policy, of all pages so far. */
  readonly errors: string[];
  close(): Promise<void>;
}

export interface BrowserOptions {
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
}

/** Chromium with an empty profile of its own. */
export async function openBrowser({ colorScheme = 'light', width = 1280 }: BrowserOptions = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'reprise-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM ?? '',
    headless: true,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-zygote',
      '--in-process-gpu',
      '--disable-dev-shm-usage',
      '--disable-features=Translate,MediaRouter,OptimizationHints,PaintHolding',
    ],
    viewport: { width, height: 800 },
    colorScheme,
    acceptDownloads: true,
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(30_000);
  const errors: string[] = [];
  return {
    context,
    errors,
    async page() {
      const page = await context.newPage();
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
      return page;
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** Presses Tab until the element has the focus, as a person without a mouse would. */
export async function tabTo(page: Page, target: Locator, most = 120): Promise<void> {
  await target.waitFor();
  for (let presses = 0; presses < most; presses++) {
    if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${target} is not reached with ${most} presses of Tab`);
}

/** The id of the run that the page shows. */
export function runIdOf(page: Page): string {
  return /#\/runs\/([0-9a-f-]{36})/.exec(page.url())?.[1] ?? '';
}

/** The figure of statements that have an outcome. */
export async function doneOf(page: Page): Promise<number> {
  return Number((await page.locator('[data-done]').textContent())?.replaceAll(',', ''));
}

/** Waits until the run that is shown has reported at least so many statements. */
export async function waitForDone(page: Page, least: number): Promise<void> {
  await page.locator(`xpath=//*[@role="progressbar"][number(@aria-valuenow) >= ${least}]`).waitFor();
}

/** The dashboard of a service with the shop's journal, and a browser, for the tests of a block; closed behind the last. */
export function useDashboard(): { readonly dashboard: Dashboard; readonly browser: Browser } {
  let dashboard: Dashboard;
  let browser: Browser;
  beforeAll(async () => {
    await buildDashboard();
    dashboard = await startDashboard();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await dashboard?.close();
  });
  return {
    get dashboard() {
      return dashboard;
    },
    get browser() {
      return browser;
    },
  };
}
