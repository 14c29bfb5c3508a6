import { describe, expect, onTestFinished, test } from 'vitest';
import {
  CancelReplayDocument,
  type Operation,
  ReplayDocument,
  SetReplaySpeedDocument,
  unwrap,
} from '../../src/client/index.ts';
import { openNetwork } from '../support/network.ts';
import { startRun } from './runs.ts';
import { CHROMIUM, useDashboard } from './support.ts';

interface LogResult {
  readonly logStatements: { readonly __typename: string };
}

const LogStatements = {
  toString: () => 'mutation ($input: LogStatementsInput!) { logStatements(input: $input) { __typename } }',
} as Operation<LogResult, { readonly input: unknown }>;

describe.skipIf(CHROMIUM === undefined)('what comes while a page is open (skipped without Chromium)', () => {
  const at = useDashboard();

  /** Records statements that say their number, from `first` to `last`. */
  const log = async (first: number, last: number) => {
    const entries = Array.from({ length: last - first + 1 }, (_, index) => ({
      statement: `SELECT 'arrived ${first + index}'`,
      autocommit: { origin: { sessionId: 'live' } },
    }));
    unwrap((await at.dashboard.client.request(LogStatements, { input: { entries } })).logStatements);
  };

  test('a live tail that is stopped stays as it is, however much arrives, and shows the newest when it follows again', async () => {
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/journal`);
    await page.getByRole('button', { name: 'Live tail' }).click();
    await page.locator('[data-connection="LIVE"]').waitFor();
    await log(1, 2100);
    await page.getByText('2,100 entries arrived').waitFor();
    const grid = page.getByRole('grid', { name: 'Entries as they arrive' });
    await page.getByRole('button', { name: 'Stop following' }).click();
    await grid.press('Home');
    const first = grid.getByRole('row').nth(1);
    await first.getByText('arrived 101', { exact: false }).waitFor();
    for (const [from, to] of [
      [2101, 7000],
      [7001, 7100],
    ] as const) {
      await log(from, to);
      await page.getByText(`${to.toLocaleString('en-US')} entries arrived`).waitFor();
      expect(await first.textContent()).toContain("'arrived 101'");
    }
    // What a page keeps has an end.
    expect(Number(await grid.getAttribute('aria-rowcount'))).toBeLessThan(6300);
    await page.getByRole('button', { name: 'Follow' }).click();
    await grid.getByText("'arrived 7100'").waitFor();
    await grid.press('Home');
    await first.getByText("'arrived 5101'").waitFor();
    await page.close();
  });

  test('a live tail goes on after hours without the service, and one that could not begin is tried again', async () => {
    const network = await openNetwork(at.dashboard.port);
    onTestFinished(() => network.close());
    const page = await at.browser.page();
    await page.clock.install();
    await page.goto(`${network.url}/#/journal`);
    await page.getByRole('grid', { name: 'Entries of the window' }).waitFor();
    network.cut();
    await page.getByRole('button', { name: 'Live tail' }).click();
    const tail = page.getByRole('region', { name: 'Live tail' });
    await tail.getByRole('alert').waitFor();
    network.mend();
    await tail.getByRole('button', { name: 'Try again' }).click();
    await page.locator('[data-connection="LIVE"]').waitFor();
    await log(8001, 8001);
    await tail.getByText("'arrived 8001'").waitFor();

    network.cut();
    await page.locator('[data-connection="RECONNECTING"]').waitFor();
    await log(8002, 8002);
    // Each attempt is one that failed after so long.
    for (let hour = 1; hour <= 3; hour++) await page.clock.fastForward('01:00:00');
    network.mend();
    await page.clock.fastForward('00:10');
    await tail.getByText("'arrived 8002'").waitFor();
    expect(await tail.getByRole('alert').count()).toBe(0);
    // Requests that the cut refused are no faults of the page.
    at.browser.errors.length = 0;
    await page.close();
  });

  test('a speed that another client sets is shown, and the one before it can be chosen again', async () => {
    const { client, url } = at.dashboard;
    const page = await at.browser.page();
    const id = await startRun(client, { speed: 0.1 });
    await page.goto(`${url}/#/runs/${id}`);
    await page.locator('[data-state="RUNNING"]').waitFor();
    await page.locator('[data-connection="LIVE"]').waitFor();
    unwrap((await client.request(SetReplaySpeedDocument, { replayId: id, speed: 0.25 })).setReplaySpeed);
    const speed = page.getByLabel('Speed');
    await expect.poll(() => speed.inputValue(), { timeout: 10_000 }).toBe('0.25');
    await speed.selectOption('0.1');
    const told = async () => (await client.request(ReplayDocument, { id })).replay?.request.speed;
    await expect.poll(told, { timeout: 10_000 }).toBe(0.1);
    await client.request(CancelReplayDocument, { replayId: id });
    await page.close();
  });

  test('Refresh shows what has come into the window that is chosen: its entries, its coverage and its bar', async () => {
    const logAt = async (timestamp: string) => {
      const entries = [
        { statement: "SELECT 'late'", timestamp, autocommit: { origin: { sessionId: `late ${timestamp}` } } },
      ];
      unwrap((await at.dashboard.client.request(LogStatements, { input: { entries } })).logStatements);
    };
    // The journal reaches beyond the window before and after.
    await logAt('2027-01-01T00:00:00Z');
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/journal?from=2026-12-15T00:00:00Z&to=2026-12-16T00:00:00Z`);
    await page.getByText('0 in the window').waitFor();
    await page.getByText('No entries').waitFor();
    const bars = page.locator('.density-plot .bar:not(.failure):not([height="0"])');
    await bars.first().waitFor();
    const before = await bars.count();
    await logAt('2026-12-15T12:00:00Z');
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByText('1 in the window').waitFor();
    await page.getByRole('grid', { name: 'Entries of the window' }).getByText("'late'").waitFor();
    await expect.poll(() => bars.count()).toBe(before + 1);
    await page.close();
  });
});
