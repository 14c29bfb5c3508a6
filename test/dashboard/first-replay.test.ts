import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ReplayDocument } from '../../src/client/index.ts';
import { MAIN } from '../support/build.ts';
import { buildDashboard, CHROMIUM, labelOf, openBrowser, runIdOf, startDashboard, waitForDone } from './support.ts';

const LOG = new URL('../../examples/shop/postgresql.csv.gz', import.meta.url);

describe.skipIf(CHROMIUM === undefined)('the first replay of a new user (skipped without Chromium)', () => {
  test('from an empty journal, by the command that it names and then by clicking only, to a finished run', async () => {
    await buildDashboard();
    const dashboard = await startDashboard({ journal: false });
    onTestFinished(() => dashboard.close());
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.page();
    await page.goto(dashboard.url);
    const command = await page.getByText('The journal is empty').locator('..').locator('code').first().textContent();
    expect(command).toBe('reprise import postgresql.csv');

    const folder = await mkdtemp(join(tmpdir(), 'reprise-first-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, 'postgresql.csv'), gunzipSync(await readFile(LOG)));
    const [, ...words] = (command ?? '').split(' ');
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...words], {
      cwd: folder,
      env: { ...process.env, DATABASE_URL: dashboard.journalUrl },
    });
    expect(stdout).toMatch(/8,233/);

    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByRole('grid', { name: 'Entries of the window' }).getByRole('row').nth(1).waitFor();
    const box = (await page.locator('.density-plot').boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.02, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.1, box.y + 40);
    await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
    await page.mouse.up();
    await page.waitForURL(/from=2026.*to=2026/);
    await page.getByRole('link', { name: 'Replay this window' }).click();

    await page.getByRole('combobox', { name: 'Alias' }).selectOption({ label: labelOf(dashboard, 'staging') });
    await page.getByRole('radio', { name: /^Commit/ }).check();
    const start = page.getByRole('button', { name: 'Start replay' });
    expect(await start.isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.locator('[data-preflight="ready"]').waitFor();
    await page.getByText(/This run writes to 127\.0\.0\.1:\d+\/test_/).waitFor();
    await start.click();

    await page.locator('[data-state="COMPLETED"]').waitFor();
    await page.locator('[data-verdict]').waitFor();
    const { replay } = await dashboard.client.request(ReplayDocument, { id: runIdOf(page) });
    expect(replay?.request.ordering).toBe('COMMIT');
    expect(replay?.summary.planned).toBeGreaterThan(100);
    await waitForDone(page, replay?.summary.planned ?? 0);
    expect(browser.errors).toEqual([]);
  }, 60_000);
});
