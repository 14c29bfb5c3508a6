import { Client as PostgresClient } from 'pg';
import { describe, expect, test } from 'vitest';
import {
  CancelReplayDocument,
  ReplayDocument,
  ReplayReportDocument,
  ReplayStatementsDocument,
  StartReplayDocument,
  unwrap,
} from '../../src/client/index.ts';
import { LogStatementForTest, startFailingRun, startRun } from './runs.ts';
import { CHROMIUM, SHOP, useDashboard } from './support.ts';

describe.skipIf(CHROMIUM === undefined)('a run that is opened after its end (skipped without Chromium)', () => {
  const at = useDashboard();

  test('shows its states and notices as one that was watched, and again after a reload', async () => {
    const id = await startRun(at.dashboard.client, { to: '2026-11-23T16:28:37.500000Z', wait: true });
    const reported: string[] = [];
    let notices = 0;
    for await (const { events } of at.dashboard.client.watchReplay(id, { detail: 'SUMMARY', batchSize: 1000 })) {
      for (const event of events) {
        if (event.__typename === 'StateEvent') reported.push(event.state);
        if (event.__typename === 'NoticeEvent') notices += 1;
      }
    }
    expect(reported).toEqual(['CONNECTING', 'RUNNING', 'COMPLETED']);
    expect(notices).toBeGreaterThan(0);
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    const events = page.getByRole('list', { name: 'States and notices, newest first' }).getByRole('listitem');
    const look = async () => {
      await events.last().getByText('Connecting').waitFor();
      await events.first().getByText('Completed').waitFor();
      expect(await events.count()).toBe(reported.length + notices);
    };
    await look();
    await page.reload();
    await look();
    await page.getByLabel('Kind of event').selectOption('STATE');
    expect(await events.count()).toBe(reported.length);
    expect(at.browser.errors).toEqual([]);
    await page.close();
  });

  test('says why it failed: on its page, in its events and in the list of runs, and not that nothing went wrong', async () => {
    const id = await startFailingRun(at.dashboard.client);
    const page = await at.browser.page();
    for (const [tab, times] of [
      ['failures', 2],
      ['outcomes', 1],
    ] as const) {
      await page.goto(`${at.dashboard.url}/#/runs/${id}?tab=${tab}`);
      await page
        .getByText('No statement has an outcome.')
        .nth(times - 1)
        .waitFor();
    }
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page.locator('[data-verdict="bad"]', { hasText: /connect to target .*\(TARGET_UNREACHABLE\)/ }).waitFor();
    const events = page.getByRole('list', { name: 'States and notices, newest first' }).getByRole('listitem');
    await events
      .first()
      .getByText(/connect to target/)
      .waitFor();
    await page.goto(`${at.dashboard.url}/#/runs`);
    await page
      .getByRole('row', { name: new RegExp(id.slice(0, 8)) })
      .getByText(/connect to target/)
      .waitFor();
    expect(at.browser.errors).toEqual([]);
    await page.close();
  });

  test('names the failure that the record does not have before those that it has', async () => {
    const { client, url } = at.dashboard;
    // The record begins with a statement that failed there, too.
    const id = await startRun(client, { target: 'broken', to: '2026-11-23T16:28:37.900000Z', wait: true });
    const { replay } = await client.request(ReplayDocument, { id });
    expect(replay?.summary.firstError).toMatch(/syntax error/);
    const { replayStatements } = await client.request(ReplayStatementsDocument, {
      replayId: id,
      filter: { divergences: ['NEW_FAILURE', 'DIFFERENT_FAILURE'], cascade: false },
      first: 1,
      after: null,
    });
    const [outcome] = replayStatements!.nodes;
    if (outcome?.__typename !== 'OutcomeEvent') throw new Error('nothing failed that had succeeded');
    const page = await at.browser.page();
    await page.goto(`${url}/#/runs/${id}`);
    const notice = page.locator('.notice.bad', { hasText: 'First new failure' });
    await notice.getByText(`${outcome.sqlstate} ${outcome.message}`).waitFor();
    expect(
      await page
        .getByText(/First failure|syntax error at/)
        .and(page.locator('.notice *'))
        .count(),
    ).toBe(0);
    await notice.getByRole('button').click();
    const dialog = page.getByRole('dialog', { name: `Statement ${outcome.ordinal} of the run` });
    await dialog.getByText('succeeded in the record, failed on the target').waitFor();
    await page.keyboard.press('Escape');

    await page.getByRole('tab', { name: 'Failures and divergences' }).click();
    const groups = page.getByRole('region', { name: 'Failures' }).locator('details.group');
    await groups.first().waitFor();
    const notes = (await groups.locator('.group-note').allTextContents()).map((note) => note === 'as recorded');
    expect(notes).toContain(true);
    expect(notes).toEqual([...notes].sort((a, b) => Number(a) - Number(b)));
    const divergences = page.getByRole('region', { name: 'Divergences' }).locator('details.group .badge');
    await divergences.first().waitFor();
    const slower = (await divergences.allTextContents()).map((kind) => kind === 'Slower');
    expect(slower).toEqual([...slower].sort((a, b) => Number(a) - Number(b)));
    expect(at.browser.errors).toEqual([]);
    await page.close();
  });

  test('names the first new failure once it is durable, while the run goes on', async () => {
    const { client, url, journalUrl } = at.dashboard;
    const id = await startRun(client, { target: 'broken', speed: 0.5 });
    const run = async () => (await client.request(ReplayDocument, { id })).replay!;
    await expect.poll(async () => (await run()).state, { timeout: 10_000 }).toBe('RUNNING');
    const holder = new PostgresClient({ connectionString: journalUrl });
    await holder.connect();
    try {
      // Events wait; what is counted goes on, up to the write-ahead mark: step by step up to a failure that is not durable.
      const hold = () => holder.query('BEGIN; LOCK TABLE reprise.replay_chunks IN EXCLUSIVE MODE');
      const failed = async () => {
        const { summary } = await run();
        if (summary.failed === 0) await holder.query('ROLLBACK').then(hold);
        return summary.failed;
      };
      await hold();
      await expect.poll(failed, { interval: 300, timeout: 30_000 }).toBeGreaterThan(0);
      const page = await at.browser.page();
      const asked = page.waitForResponse(
        (response) => response.request().postData()?.includes('DIFFERENT_FAILURE') ?? false,
      );
      await page.goto(`${url}/#/runs/${id}`);
      expect(await (await asked).text()).toContain('"nodes":[]');
      await holder.query('ROLLBACK');
      await page.locator('.notice.bad', { hasText: 'First new failure' }).waitFor();
      expect((await run()).state).toBe('RUNNING');
      expect(at.browser.errors).toEqual([]);
      await page.close();
    } finally {
      await holder.end();
      await client.request(CancelReplayDocument, { replayId: id });
    }
  });

  test('says that it did what could be compared only, and that what failed may differ', async () => {
    const { client, url } = at.dashboard;
    const replayed = async (statement: string, timestamp: string) => {
      const logged = await client.request(LogStatementForTest, {
        input: {
          statement,
          timestamp,
          outcome: { status: 'UNKNOWN' },
          autocommit: { origin: { sessionId: timestamp, database: 'shop' } },
        },
      });
      unwrap(logged.logStatement);
      const window = { from: timestamp, to: timestamp };
      const { startReplay } = await client.request(StartReplayDocument, {
        input: { window, target: { alias: 'staging' } },
      });
      return unwrap(startReplay).id;
    };
    const page = await at.browser.page();
    await page.goto(`${url}/#/runs/${await replayed('SELECT 1', '2027-02-01T00:00:00.000000Z')}`);
    await page.locator('[data-verdict="warn"]', { hasText: 'Nothing could be compared with the record' }).waitFor();
    await page.goto(`${url}/#/runs/${await replayed('SELECT 1 / 0', '2027-02-01T00:00:01.000000Z')}`);
    await page
      .locator('[data-verdict="bad"]', { hasText: '1 statement failed of which the record does not tell the outcome' })
      .waitFor();
    expect(at.browser.errors).toEqual([]);
    await page.close();
  });

  test('counts the cascades of each statement', async () => {
    const { client, url } = at.dashboard;
    const id = await startRun(client, { target: 'broken', to: '2026-11-23T16:28:37.900000Z', wait: true });
    const { replayReport } = await client.request(ReplayReportDocument, { replayId: id });
    const most = [...replayReport!.statements].sort((a, b) => b.cascades - a.cascades)[0]!;
    expect(most.cascades).toBeGreaterThan(0);
    const page = await at.browser.page();
    await page.goto(`${url}/#/runs/${id}?tab=statements`);
    const grid = page.getByRole('grid', { name: 'Normalised statements of the run' });
    await grid.getByRole('button', { name: 'Cascades' }).click();
    await grid.locator('.vbody .vrow').first().getByText(String(most.cascades), { exact: true }).first().waitFor();
    await grid.locator('.vbody .vrow').first().click();
    const fact = page.getByRole('dialog').locator('.fact', { hasText: 'Cascades' });
    expect(await fact.locator('dd').textContent()).toBe(String(most.cascades));
    await page.close();
  });

  test('tells which entries it was asked to replay, and from when on one counts as slower', async () => {
    const { client, url } = at.dashboard;
    const { startReplay } = await client.request(StartReplayDocument, {
      input: {
        window: SHOP,
        target: { alias: 'staging' },
        slower: { ratio: 3, minMs: 25 },
        readOnly: true,
        filter: {
          statementTypes: ['SELECT'],
          text: 'no statement holds this',
          sessionIds: Array.from({ length: 12 }, (_, n) => `session-${n}`),
        },
      },
    });
    const { id } = unwrap(startReplay);
    const page = await at.browser.page();
    await page.goto(`${url}/#/runs/${id}`);
    await page.getByText('There was nothing to send').waitFor();
    await page.getByText(/None of the \d+ statements in the window passes the filter\.$/).waitFor();
    await page.locator('.page-head').getByText('read-only').waitFor();
    expect(await page.getByText('0 %').count()).toBe(0);
    await page.getByRole('link', { name: 'filtered' }).click();
    const fact = (name: string) => page.locator('.fact', { has: page.getByText(name, { exact: true }) }).locator('dd');
    await fact('Entries').getByText('those that match').waitFor();
    expect(await fact('Statement types').textContent()).toBe('SELECT');
    expect(await fact('Statement holds').textContent()).toBe('no statement holds this');
    expect(await fact('Sessions').textContent()).toMatch(/^session-0, .*session-7 and 4 more$/);
    expect(await fact('Counts as slower').textContent()).toBe('from 3× the recorded duration and 25 ms more');
    await page.close();
  });

  test('says that it sent nothing but transaction control where the filter lets nothing else through', async () => {
    const { client, url } = at.dashboard;
    const { startReplay } = await client.request(StartReplayDocument, {
      input: {
        window: { ...SHOP, to: '2026-11-23T16:28:37.900000Z' },
        target: { alias: 'staging' },
        filter: { text: 'misspelt' },
      },
    });
    const page = await at.browser.page();
    await page.goto(`${url}/#/runs/${unwrap(startReplay).id}`);
    const verdict = page.locator('[data-verdict="warn"]', {
      hasText: 'Nothing but transaction control and session state was replayed',
    });
    await verdict.getByText(/^None of the [\d]+ other statements in the window passes the filter\.$/).waitFor();
    await page.close();
  });

  test('says that it was cancelled and what of its plan did not run', async () => {
    const id = await startRun(at.dashboard.client, { speed: 0.1 });
    const page = await at.browser.page();
    await page.goto(`${at.dashboard.url}/#/runs/${id}`);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    await page.locator('[data-state="CANCELLED"]').waitFor();
    // Another tab, which knows nothing of it.
    const other = await at.browser.page();
    await other.goto(`${at.dashboard.url}/#/runs/${id}`);
    await other.locator('[data-verdict="neutral"]', { hasText: 'did not run' }).waitFor();
    const events = other.getByRole('list', { name: 'States and notices, newest first' }).getByRole('listitem');
    await events.first().getByText('cancelled on request').waitFor();
    await page.close();
    await other.close();
  });
});
