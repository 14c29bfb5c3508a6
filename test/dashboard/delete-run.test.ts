import { Client as PostgresClient } from 'pg';
import type { Locator, Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DeleteReplayDocument, ReplayDocument, ReplaysDocument, unwrap } from '../../src/client/index.ts';
import { faultsOf } from './axe.ts';
import { startFailingRun, startRun } from './runs.ts';
import { CHROMIUM, tabTo, useDashboard } from './support.ts';

describe.skipIf(CHROMIUM === undefined)('deleting a run (skipped without Chromium)', () => {
  const at = useDashboard();

  async function openRun(id: string): Promise<Page> {
    const page = await at.browser.page();
    onTestFinished(() => page.close());
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    return page;
  }

  const removeBeside = async (id: string) =>
    unwrap((await at.dashboard.client.request(DeleteReplayDocument, { replayId: id })).deleteReplay);

  /** As if the run were another process's. */
  async function setState(id: string, state: string): Promise<void> {
    const database = new PostgresClient({ connectionString: at.dashboard.journalUrl });
    await database.connect();
    try {
      await database.query('UPDATE reprise.replays SET state = $2 WHERE id = $1', [id, state]);
    } finally {
      await database.end();
    }
  }

  test('by the keyboard: what is lost and what stays is said before, and the list of runs says so behind it', async () => {
    const { client, url } = at.dashboard;
    const id = await startRun(client, { to: '2026-11-23T16:28:37.500000Z', wait: true });
    const page = await at.browser.page();
    onTestFinished(() => page.close());
    await page.goto(`${url}/#/runs`);
    await page.getByRole('row', { name: new RegExp(id.slice(0, 8)) }).waitFor();
    await page.goto(`${url}/#/runs/${id}`);
    const button = page.getByRole('button', { name: 'Delete', exact: true });
    await tabTo(page, button);
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Delete this run?' });
    await dialog.waitFor();
    const said = await dialog.evaluate(
      (element) => element.ownerDocument.getElementById(element.getAttribute('aria-describedby')!)?.textContent,
    );
    expect(said).toMatch(/Lost for good: its outcomes \(\d+ statements\), its report and its events/);
    expect(said).toMatch(/Stays: the entries of the journal/);
    expect(said).not.toMatch(/resumed/);
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await expect.poll(() => button.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    expect((await client.request(ReplayDocument, { id })).replay?.id).toBe(id);

    await page.keyboard.press('Enter');
    await tabTo(page, dialog.getByRole('button', { name: 'Delete the run' }));
    await page.keyboard.press('Enter');
    const status = page.getByRole('status').filter({ hasText: `The run ${id.slice(0, 8)} was deleted.` });
    await status.waitFor();
    expect(await status.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    expect(await page.getByRole('link', { name: id.slice(0, 8) }).count()).toBe(0);
    expect((await client.request(ReplayDocument, { id })).replay).toBeNull();
    expect(await page.evaluate<string[]>('Object.keys(sessionStorage)')).not.toContain(`reprise.run.${id}`);
    expect(await faultsOf(page)).toEqual([]);
    // Said once, and the way back does not lead to what is not there.
    await page.goBack();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    await page.getByRole('link', { name: 'Journal', exact: true }).click();
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    expect(await status.count()).toBe(0);
    expect(at.browser.errors).toEqual([]);
  });

  test('is not offered while the run is under way', async () => {
    const page = await openRun(await startRun(at.dashboard.client, { speed: 0.1 }));
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.getByRole('button', { name: 'Delete' }).waitFor();
  });

  test('a run that was resumed elsewhere meanwhile is not deleted, and the question says why', async () => {
    const id = await startFailingRun(at.dashboard.client);
    await setState(id, 'INTERRUPTED');
    const page = await openRun(id);
    await page.getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog', { name: 'Delete this run?' });
    await dialog.getByText('It cannot be resumed any more.').waitFor();
    await setState(id, 'PAUSED');
    onTestFinished(() => setState(id, 'FAILED'));
    await dialog.getByRole('button', { name: 'Delete the run' }).click();
    await dialog.getByRole('alert').getByText('cannot delete a replay that is PAUSED: cancel it first').waitFor();
    await page.locator('[data-state="PAUSED"]').waitFor();
    await dialog.getByRole('button', { name: 'Keep it' }).click();
    expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0);
  });

  test('says that the service does not answer, and deletes at the next try', async () => {
    const id = await startFailingRun(at.dashboard.client);
    const page = await openRun(id);
    await page.getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog', { name: 'Delete this run?' });
    await page.context().setOffline(true);
    onTestFinished(() => page.context().setOffline(false));
    await dialog.getByRole('button', { name: 'Delete the run' }).click();
    await dialog.getByRole('alert').getByText('The service does not answer.').waitFor();
    await page.context().setOffline(false);
    await dialog.getByRole('button', { name: 'Delete the run' }).click();
    await page.getByText(`The run ${id.slice(0, 8)} was deleted.`).waitFor();
    expect((await at.dashboard.client.request(ReplayDocument, { id })).replay).toBeNull();
    // The browser's own word on the request that did not get through.
    at.browser.errors.splice(0);
  });

  test('pages that show the run say that it was deleted: by themselves, at the next tab, and where it is to be deleted', async () => {
    const { client } = at.dashboard;
    // Where the page has looked by itself before, there is nothing left to press.
    const gone = (page: Page) => page.getByRole('alert').getByText('This run was deleted');
    const press = (page: Page, button: Locator) => button.or(gone(page)).click();
    for (const name of ['Failures and divergences', 'Statements', 'Outcomes', 'Request']) {
      const id = await startFailingRun(client);
      const page = await openRun(id);
      await page.locator('[data-verdict="bad"]').waitFor();
      await removeBeside(id);
      await press(page, page.getByRole('tab', { name }));
      await gone(page).waitFor();
      expect(await page.getByText(/^No (failures|divergences|outcomes)/).count()).toBe(0);
    }
    const other = await startFailingRun(client);
    const asking = await openRun(other);
    await asking.getByRole('button', { name: 'Delete' }).click();
    await removeBeside(other);
    await press(asking, asking.getByRole('button', { name: 'Delete the run' }));
    await gone(asking).waitFor();
    expect(await asking.getByRole('dialog').count()).toBe(0);
    const id = await startFailingRun(client);
    const still = await at.browser.page();
    onTestFinished(() => still.close());
    await still.clock.install();
    await still.goto(`${at.dashboard.url}/#/runs/${id}`);
    await still.locator('[data-verdict="bad"]').waitFor();
    await removeBeside(id);
    // An ended run is looked at every ten seconds.
    await still.clock.fastForward(10_000);
    await gone(still).waitFor();
    expect(await still.evaluate<string[]>('Object.keys(sessionStorage)')).not.toContain(`reprise.run.${id}`);
    await still.getByRole('link', { name: 'All runs' }).click();
    await still.getByRole('heading', { name: 'Runs' }).waitFor();
    expect(at.browser.errors).toEqual([]);
  });

  test('a page that follows an interrupted run goes on when it is resumed elsewhere', async () => {
    const id = await startFailingRun(at.dashboard.client);
    await setState(id, 'INTERRUPTED');
    const page = await at.browser.page();
    onTestFinished(() => page.close());
    await page.clock.install();
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    await setState(id, 'PAUSED');
    onTestFinished(() => setState(id, 'FAILED'));
    await page.clock.fastForward(10_000);
    await page.locator('[data-state="PAUSED"]').waitFor();
  });

  test('takes the run off the lists of runs that are open, and out of what is chosen there', async () => {
    const { client, url } = at.dashboard;
    const older = await startFailingRun(client);
    const id = await startFailingRun(client);
    const list = await at.browser.page();
    onTestFinished(() => list.close());
    await list.clock.install();
    await list.goto(`${url}/#/runs`);
    const choices = [older, id].map((one) => list.getByLabel(`Compare run ${one.slice(0, 8)}`));
    for (const choice of choices) await choice.check();
    await removeBeside(id);
    // The list is looked at every ten seconds.
    await list.clock.fastForward(10_000);
    await choices[1]!.waitFor({ state: 'detached' });
    await list.getByRole('button', { name: 'Compare (1 of 2)' }).waitFor();
    // The oldest of all, too, behind which no other moves up.
    const { replays } = await client.request(ReplaysDocument, { states: null, first: 50, after: null });
    const oldest = replays.nodes.at(-1)!.id;
    await removeBeside(oldest);
    await list.clock.fastForward(10_000);
    await list.getByLabel(`Compare run ${oldest.slice(0, 8)}`).waitFor({ state: 'detached' });
    expect(at.browser.errors).toEqual([]);
  });
});
