import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { ReplayDocument } from '../../src/client/index.ts';
import { startRun } from './runs.ts';
import { CHROMIUM, labelOf, runIdOf, tabTo, useDashboard } from './support.ts';

describe.skipIf(CHROMIUM === undefined)('by the keyboard alone (skipped without Chromium)', () => {
  const at = useDashboard();

  test('from the journal through an entry and a new replay to its statements', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/journal`);
    const grid = page.getByRole('grid', { name: 'Entries of the window' });
    await grid.getByRole('row').nth(3).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await tabTo(page, page.getByRole('slider', { name: 'End of the window' }));
    for (let step = 0; step < 10; step++) await page.keyboard.press('PageDown');
    await page.waitForURL(/to=2026/);
    await tabTo(page, grid);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Entry' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // The focus comes back behind the dialog's end.
    await expect.poll(() => grid.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);

    await page.keyboard.press('/');
    await page.keyboard.type('carts');
    await page.getByText('match', { exact: false }).first().waitFor();
    await tabTo(page, page.getByRole('link', { name: 'Replay this window' }));
    await page.keyboard.press('Enter');
    const alias = page.getByRole('combobox', { name: 'Alias' });
    await alias.getByRole('option', { name: labelOf(at.dashboard, 'staging') }).waitFor({ state: 'attached' });
    await tabTo(page, alias);
    await page.keyboard.type('stag');
    expect(await alias.inputValue()).toBe('staging');
    await tabTo(page, page.getByRole('radio', { name: /^Timestamp/ }));
    await page.keyboard.press('ArrowDown');
    await tabTo(page, page.getByRole('button', { name: 'Check', exact: true }));
    await page.keyboard.press('Enter');
    await page.locator('[data-preflight="ready"]').waitFor();
    await tabTo(page, page.getByRole('button', { name: 'Start replay' }));
    await page.keyboard.press('Enter');
    await page.locator('[data-state="COMPLETED"]').waitFor();
    const { replay } = await at.dashboard.client.request(ReplayDocument, { id: runIdOf(page) });
    expect(replay?.request.ordering).toBe('COMMIT');

    await tabTo(page, page.getByRole('tab', { name: 'Overview' }));
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    const statements = page.getByRole('grid', { name: 'Normalised statements of the run' });
    await tabTo(page, statements);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Normalised statement' }).waitFor();
    await page.close();
  });

  /** Reaches the button or link and presses Enter. */
  async function press(page: Page, role: 'button' | 'link', name: string | RegExp): Promise<void> {
    await tabTo(page, page.getByRole(role, { name, exact: true }));
    await page.keyboard.press('Enter');
  }

  test('a run is paused, resumed, hurried, searched and cancelled', async () => {
    const page = await at.browser.page();
    const id = await startRun(at.dashboard.client, { speed: 0.1 });
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await press(page, 'button', 'Pause');
    await page.locator('[data-state="PAUSED"]').waitFor();
    await press(page, 'button', 'Resume');
    await page.locator('[data-state="RUNNING"]').waitFor();
    const speed = page.getByLabel('Speed');
    await tabTo(page, speed);
    await page.keyboard.press('ArrowDown');
    await page.getByText('Speed changed', { exact: true }).waitFor();
    await tabTo(page, page.getByRole('searchbox', { name: 'Search in the statements shown' }));
    await page.keyboard.type('no statement holds this');
    await page.getByText('0 matches').waitFor();
    await press(page, 'button', 'Stop following');
    await page.getByRole('button', { name: 'Follow', exact: true }).waitFor();
    await press(page, 'button', 'Cancel');
    await press(page, 'button', 'Let it run');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await press(page, 'button', 'Cancel');
    await press(page, 'button', 'Cancel the run');
    await page.locator('[data-state="CANCELLED"]').waitFor();
    await page.close();
  });

  test('from the list of runs to a comparison, and from a run through a failure to its statement', async () => {
    const page = await at.browser.page();
    const window = { to: '2026-11-23T16:28:37.900000Z' };
    await startRun(at.dashboard.client, { ...window, wait: true });
    await startRun(at.dashboard.client, { ...window, target: 'broken', wait: true });
    await page.goto(`${at.dashboard.url}/#/runs`);
    for (const n of [0, 1]) {
      await tabTo(page, page.getByRole('checkbox').nth(n));
      await page.keyboard.press('Space');
    }
    await press(page, 'button', /^Compare/);
    const both = page.getByRole('grid', { name: 'Normalised statements of both runs' });
    await tabTo(page, both.getByRole('button', { name: 'Change' }));
    await page.keyboard.press('Enter');
    await both.getByRole('columnheader', { name: 'Change' }).and(page.locator('[aria-sort]')).waitFor();
    await tabTo(page, page.locator('.compare thead a').nth(1));
    await page.keyboard.press('Enter');
    await page.locator('[data-verdict="bad"]').waitFor();

    await tabTo(page, page.getByRole('tab', { name: 'Overview' }));
    await page.keyboard.press('ArrowRight');
    await tabTo(page, page.locator('details.group summary').first());
    await page.keyboard.press('Enter');
    const group = page.getByRole('grid', { name: 'Statements of the group' }).first();
    await group.locator('.vbody .vrow').first().waitFor();
    await tabTo(page, group);
    await page.keyboard.press('Enter');
    await press(page, 'link', 'The entry and its transaction in the journal');
    await page.getByRole('dialog', { name: 'Entry' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.close();
  });
});
