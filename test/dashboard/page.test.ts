import { describe, expect, onTestFinished, test } from 'vitest';
import {
  CancelReplayDocument,
  ReplayDocument,
  ReplayFailuresDocument,
  SetReplaySpeedDocument,
  unwrap,
} from '../../src/client/index.ts';
import { parseMicros } from '../../src/journal/window.ts';
import { encodeEvents } from '../../src/replay/event-codec.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { openNetwork } from '../support/network.ts';
import { spawnReplay } from '../support/spawn-replay.ts';
import { faultsOf } from './axe.ts';
import { LogStatementForTest, startRun } from './runs.ts';
import { CHROMIUM, doneOf, SHOP, useDashboard, waitForDone } from './support.ts';

describe.skipIf(CHROMIUM === undefined)('the dashboard (skipped without Chromium)', () => {
  const at = useDashboard();

  test('a run with failures is understood down to the statement, recorded and replayed side by side', async () => {
    const page = await at.browser.page();
    const id = await startRun(at.dashboard.client, {
      target: 'broken',
      to: '2026-11-23T16:28:37.900000Z',
      wait: true,
    });
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page.locator('[data-verdict="bad"]').waitFor();
    await page.getByRole('tab', { name: 'Failures and divergences' }).click();
    const group = page.locator('details.group', { hasText: '42P01' }).filter({ hasText: 'carts_archive' }).first();
    await group.locator('summary').click();
    await group.getByRole('grid').getByText('does not exist').first().click();

    const drawer = page.getByRole('dialog');
    const outcome = drawer.getByRole('row', { name: /^Outcome/ });
    await outcome.getByText('Failed42P01').waitFor();
    await outcome.getByText('Succeeded').waitFor();
    await drawer.getByRole('row', { name: /^Message.*relation "carts_archive" does not exist/ }).waitFor();
    await drawer.getByRole('link', { name: 'The entry and its transaction in the journal' }).click();
    await page
      .getByRole('dialog', { name: 'Entry' })
      .getByRole('grid', { name: 'Entries of the transaction' })
      .waitFor();
    await page.close();
  });

  test('a group lists its own statements and no other, and a normalised statement leads to its calls', async () => {
    const page = await at.browser.page();
    const id = await startRun(at.dashboard.client, {
      target: 'broken',
      to: '2026-11-23T16:28:38.000000Z',
      wait: true,
    });
    const { replayFailures } = await at.dashboard.client.request(ReplayFailuresDocument, { replayId: id });
    const counts = (replayFailures ?? []).map(({ count }) => count).sort((a, b) => a - b);
    expect(counts.length).toBeGreaterThan(1);
    await page.goto(`${at.dashboard.url}/#/runs/${id}?tab=failures`);
    const groups = page.locator('details.group', { has: page.locator('.badge code') });
    await groups.nth(counts.length - 1).waitFor();
    const listed: number[] = [];
    for (const group of await groups.all()) {
      await group.locator('summary').click();
      const grid = group.getByRole('grid', { name: 'Statements of the group' });
      await grid.locator('.vbody .vrow').first().waitFor();
      listed.push(Number(await grid.getAttribute('aria-rowcount')) - 1);
      // The first of the group is named by the number that its row shows, and leads to it.
      const first = group.getByRole('button', { name: /^# / }).first();
      const number = ((await first.textContent()) ?? '').replace('# ', '');
      expect(await grid.locator('.vbody .vrow .cell').first().textContent()).toBe(number);
      await first.click();
      await page.getByRole('dialog', { name: `Statement ${number} of the run` }).waitFor();
      await page.keyboard.press('Escape');
    }
    expect(listed.sort((a, b) => a - b)).toEqual(counts);

    await page.getByRole('tab', { name: 'Statements' }).click();
    const statements = page.getByRole('grid', { name: 'Normalised statements of the run' });
    await page.getByRole('searchbox', { name: 'Search in normalised statements' }).fill('carts_archive');
    await statements.getByText('carts_archive').first().click();
    const calls = page.getByRole('link', { name: /one by one/ });
    const count = Number(/\d+/.exec((await calls.textContent()) ?? '')?.[0]);
    await calls.click();
    await page.getByText('Calls of one normalised statement').waitFor();
    const outcomes = page.getByRole('grid', { name: 'Outcomes of the run' });
    await outcomes.getByText('carts_archive').first().waitFor();
    expect(await outcomes.getAttribute('aria-rowcount')).toBe(String(count + 1));
    await page.close();
  });

  test('a run that nobody watched shows its last statements and its rate over time', async () => {
    const page = await at.browser.page();
    const id = await startRun(at.dashboard.client, { ordering: 'COMMIT', wait: true });
    const { replay } = await at.dashboard.client.request(ReplayDocument, { id });
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page
      .getByRole('grid', { name: 'Statements as they are reported' })
      .getByText(replay?.summary.planned?.toLocaleString('en-US') ?? '', { exact: true })
      .waitFor();
    await page.locator('.line-chart canvas').waitFor();
    await page.close();
  });

  test('a reload in the middle of a run goes on where it was', async () => {
    const page = await at.browser.page();
    const id = await startRun(at.dashboard.client, { speed: 0.1, to: '2026-11-23T16:28:38.100000Z' });
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page.locator('[data-connection="LIVE"]').waitFor();
    await waitForDone(page, 50);
    const before = await doneOf(page);
    await page.reload();
    await page.locator('[data-done]').waitFor();
    expect(await doneOf(page)).toBeGreaterThanOrEqual(before);
    await page.locator('.line-chart canvas').waitFor();
    await page.locator('[data-state="COMPLETED"]').waitFor();
    const { replay } = await at.dashboard.client.request(ReplayDocument, { id });
    expect(await doneOf(page)).toBe(replay?.summary.planned);
    await page.close();
  });

  test('a network that is cut in the middle of a run is told, and no statement is missed when it is back', async () => {
    const network = await openNetwork(at.dashboard.port);
    onTestFinished(() => network.close());
    const page = await at.browser.page();
    const ordinals: number[] = [];
    // A body may still be on its way from the browser to the test when the page has shown it.
    const bodies: Promise<void>[] = [];
    page.on('response', (response) => {
      // The first new failure is asked for by itself.
      if (response.request().postData()?.includes('NEW_FAILURE')) return;
      const body = response.text().catch(() => '');
      bodies.push(
        body.then((text) => {
          for (const [, ordinal] of text.matchAll(/"ordinal":(\d+)/g)) ordinals.push(Number(ordinal));
        }),
      );
    });
    const id = await startRun(at.dashboard.client, { speed: 0.1, to: '2026-11-23T16:28:38.100000Z' });
    await page.goto(`${network.url}/#/runs/${id}`);
    await page.locator('[data-connection="LIVE"]').waitFor();
    await waitForDone(page, 50);
    network.cut();
    await page.locator('[data-connection="RECONNECTING"]').waitFor();
    const { replay: meanwhile } = await at.dashboard.client.request(ReplayDocument, { id });
    network.mend();
    await waitForDone(page, meanwhile?.summary.succeeded ?? 0);
    await page.locator('[data-state="COMPLETED"]').waitFor();
    const { replay } = await at.dashboard.client.request(ReplayDocument, { id });
    const planned = replay?.summary.planned ?? 0;
    expect(planned).toBeGreaterThan(50);
    await page.locator('.vtable').getByText(planned.toLocaleString('en-US'), { exact: true }).waitFor();
    await Promise.all(bodies);
    expect([...ordinals].sort((a, b) => a - b)).toEqual(Array.from({ length: planned }, (_, index) => index + 1));
    // Requests that the cut refused are no faults of the page.
    at.browser.errors.length = 0;
    await page.close();
  });

  test('outcomes that come while their list is open are added to it, also to one in which nothing matched', async () => {
    const { client, url } = at.dashboard;
    const page = await at.browser.page();
    const id = await startRun(client, { target: 'broken', speed: 0.1 });
    await page.goto(`${url}/#/runs/${id}?tab=outcomes`);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.locator('[data-state="PAUSED"]').waitFor();
    await page.getByRole('textbox', { name: 'SQLSTATE' }).fill('42P01');
    await page.getByText('No outcomes').waitFor();
    await client.request(SetReplaySpeedDocument, { replayId: id, speed: 0.5 });
    await page.getByRole('button', { name: 'Resume' }).click();
    const grid = page.getByRole('grid', { name: 'Outcomes of the run' });
    await grid.getByText('carts_archive').first().waitFor();

    const rows = async () => Number(await grid.getAttribute('aria-rowcount'));
    const before = await rows();
    await expect.poll(rows, { timeout: 30_000 }).toBeGreaterThan(before);
    // The end of the run would have asked for all of them anew.
    expect(await page.locator('[data-state="RUNNING"]').count()).toBe(1);
    const numbers = (await grid.locator('.vbody .vrow .cell:first-child').allTextContents()).map((text) =>
      Number(text.replaceAll(',', '')),
    );
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    await client.request(CancelReplayDocument, { replayId: id });
    await page.close();
  });

  test('a run is paused, resumed, hurried and cancelled from its page', async () => {
    const page = await at.browser.page();
    const id = await startRun(at.dashboard.client, { speed: 0.1 });
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.locator('[data-state="PAUSED"]').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.locator('[data-state="RUNNING"]').waitFor();
    await page.getByLabel('Speed').selectOption('2');
    await page.getByText('Speed changed', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.locator('[data-state="CANCELLED"]').waitFor();
    await page.close();
  });

  test('an interrupted run asks for its password again, and is resumed with it', async () => {
    const { staging } = at.dashboard;
    const { id, kill } = await spawnReplay(at.dashboard.journalUrl, {
      window: { from: parseMicros(SHOP.from), to: parseMicros(SHOP.to) },
      target: {
        host: staging.host,
        port: staging.port,
        user: staging.user,
        password: staging.password,
        database: staging.name,
      },
      pace: { mode: 'RECORDED', speed: 0.1, maxIdleMs: null },
    });
    for await (const { state } of at.dashboard.client.watchReplay(id)) if (state === 'RUNNING') break;
    await kill();
    // Another process of the service would find it when it starts.
    const database = await openDatabase(at.dashboard.journalUrl);
    const store = createReplayStore(database);
    const interruption = (lastSeq: number) =>
      encodeEvents([{ seq: lastSeq + 1, at: Date.now() * 1000, kind: 'STATE', state: 'INTERRUPTED', reason: 'died' }]);
    while (!(await store.interruptOrphans(interruption)).includes(id)) await new Promise(setImmediate);
    await database.close();

    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page.locator('[data-state="INTERRUPTED"]').waitFor();
    const resume = async (password: string) => {
      await page.getByRole('button', { name: 'Resume' }).click();
      await page.getByLabel('Password').fill(password);
      expect(await faultsOf(page)).toEqual([]);
      await page.getByRole('button', { name: 'Resume the run' }).click();
    };
    await resume('mistyped');
    await page.getByText(/connect to target .*password authentication failed/).waitFor();
    await resume(staging.password);
    await page.locator('[data-state="RUNNING"]').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.locator('[data-state="CANCELLED"]').waitFor();
    await page.close();
  });

  test('entries of one user, database or application are found', async () => {
    for (const [n, origin] of [
      { user: 'ann', database: 'sales', application: 'till' },
      { user: 'bob', database: 'sales', application: 'till' },
      { user: 'ann', database: 'stock', application: 'till' },
      { user: 'ann', database: 'sales', application: 'desk' },
    ].entries()) {
      const logged = await at.dashboard.client.request(LogStatementForTest, {
        input: {
          statement: `SELECT 'origin ${n}'`,
          timestamp: '2027-01-01T00:00:00Z',
          autocommit: { origin: { sessionId: `origin-${n}`, ...origin } },
        },
      });
      unwrap(logged.logStatement);
    }
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/journal?from=2027-01-01T00:00:00Z&to=2027-01-01T00:00:01Z`);
    const rows = page.getByRole('grid', { name: 'Entries of the window' }).locator('.vbody .vrow');
    for (const [field, value, left] of [
      ['User', 'ann', 3],
      ['Database', 'sales', 2],
      ['Application', 'till', 1],
    ] as const) {
      await page.getByRole('textbox', { name: field, exact: true }).fill(value);
      await page.getByText(`${left} match`, { exact: true }).waitFor();
      expect(await rows.count()).toBe(left);
    }
    await rows.getByText('origin 0').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('4 in the window').waitFor();
    await page.close();
  });

  test('entries that arrive are shown in the live tail', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/journal`);
    await page.getByRole('button', { name: 'Live tail' }).click();
    await page.locator('[data-connection="LIVE"]').waitFor();
    const logged = await at.dashboard.client.request(LogStatementForTest, {
      input: { statement: 'SELECT 4711', autocommit: { origin: { sessionId: 'tail' } } },
    });
    unwrap(logged.logStatement);
    await page.getByRole('grid', { name: 'Entries as they arrive' }).getByText('4711').waitFor();
    await page.close();
  });

  test('two runs are compared, and a report is downloaded', async () => {
    const page = await at.browser.page();
    const window = { to: '2026-11-23T16:28:37.700000Z' };
    await startRun(at.dashboard.client, { ...window, wait: true });
    const second = await startRun(at.dashboard.client, { ...window, target: 'broken', wait: true });
    await page.goto(`${at.dashboard.url}/#/runs`);
    const boxes = page.getByRole('checkbox');
    await boxes.nth(1).waitFor();
    await boxes.nth(0).check();
    await boxes.nth(1).check();
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('grid', { name: 'Normalised statements of both runs' }).getByRole('row').nth(2).waitFor();

    await page.goto(`${at.dashboard.url}/#/runs/${second}`);
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download the report as HTML' }).click(),
    ]);
    expect(file.suggestedFilename()).toBe(`replay-${second}.html`);
    await page.close();
  });

  test('the window that the address names is the one that is shown', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/journal?from=${SHOP.from}&to=2026-11-23T16:28:38.000000Z`);
    await page.getByLabel('To (UTC), inclusive').waitFor();
    expect(await page.getByLabel('To (UTC), inclusive').inputValue()).toBe('2026-11-23 16:28:38.000');
    await page.close();
  });
});
