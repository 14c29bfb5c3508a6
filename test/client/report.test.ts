import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reportText } from '../../src/cli/report-view.ts';
import { csvCell, reportCsv } from '../../src/client/report/csv.ts';
import type { ReportData, StatementLine, ThresholdLine } from '../../src/client/report/data.ts';
import { htmlReport } from '../../src/client/report/html.ts';
import { HTML_SCRIPT } from '../../src/client/report/html-page.ts';
import { renderReport } from '../../src/client/report/index.ts';
import { junitXml } from '../../src/client/report/junit.ts';
import { escapeAttribute, escapeText } from '../../src/client/report/markup.ts';

const NASTY = 'SELECT \'a\' < "b" && ]]> \u0000\u0007\ud800 𝄞 é\n\tAS x -- <script>alert(1)</script>';
const NONE = { p50: null, p95: null, p99: null };

function line(fields: Partial<StatementLine> = {}): StatementLine {
  return {
    fingerprint: '0123456789abcdef',
    normalised: 'SELECT ?',
    calls: 3,
    sent: 3,
    skips: [],
    failures: 0,
    cascades: 0,
    unverifiableFailures: 0,
    recordedFailures: 0,
    rows: 3,
    recorded: { p50: 1, p95: 2, p99: 3 },
    replayed: { p50: 1.5, p95: 2.5, p99: 3.5 },
    verdict: 'SAME',
    regressed: false,
    divergences: [],
    ...fields,
  };
}

const NO_FILTER: ReportData['replay']['request']['filter'] = {
  statementTypes: null,
  text: null,
  textExcludes: null,
  databases: null,
  users: null,
  applications: null,
  sessionIds: null,
  outcome: null,
  minDurationMs: null,
  transactionIds: null,
};

function data(report: Partial<ReportData['report']> = {}, run: Partial<ReportData['replay']> = {}): ReportData {
  return {
    replay: {
      __typename: 'Replay',
      id: '01890000-0000-7000-8000-000000000001',
      state: 'COMPLETED',
      window: { from: '2026-11-23T10:00:00.000000Z', to: '2026-11-23T11:00:00.000000Z' },
      request: {
        ordering: 'TIMESTAMP',
        edges: 'CUT',
        paceMode: 'AS_FAST_AS_POSSIBLE',
        speed: null,
        maxIdleMs: null,
        databases: null,
        users: [],
        stopAfterFailures: null,
        statementTimeoutMs: 60_000,
        runTimeoutMs: null,
        maxConnections: 100,
        inFlight: 1,
        readOnly: false,
        digestRows: false,
        restoreIds: false,
        markProgress: false,
        settleCommits: false,
        syncCommits: false,
        scale: 1,
        thresholds: [],
        filter: NO_FILTER,
      },
      target: 'staging-db:5432/shop',
      targetVersion: '16.4',
      createdAt: '2026-11-24T08:00:00.000000Z',
      startedAt: '2026-11-24T08:00:00.123456Z',
      endedAt: '2026-11-24T08:01:00.123456Z',
      error: null,
      inDoubt: 0,
      lastSeq: 10,
      summary: {
        planned: 6,
        succeeded: 5,
        failed: 1,
        cascades: 0,
        skipped: 0,
        unknown: 0,
        same: 5,
        diverged: 1,
        unverifiable: 0,
        unverifiableFailures: 0,
        divergences: [],
        rows: 3,
        stalls: 0,
        connectionsOpened: 1,
        firstError: null,
        elapsedMs: 60_000,
        rate: 0.1,
        etaMs: null,
        position: null,
        duration: { p50: 1, p95: 2, p99: 3 },
        recordedDuration: { p50: 1, p95: 2, p99: 3 },
        lag: NONE,
        lagByCause: [],
        durationsApproximate: false,
      },
      ...run,
    } as ReportData['replay'],
    report: {
      statements: [line()],
      failures: [],
      divergences: [],
      thresholds: [],
      remarks: [],
      lostStatements: 0,
      ...report,
    },
  };
}

const threshold = (passed: boolean): ThresholdLine => ({ threshold: 'p95<2ms', actual: 2.5, unit: 'MS', passed });

const bad = data({
  statements: [
    line(),
    line({
      fingerprint: 'fedcba9876543210',
      normalised: NASTY,
      failures: 1,
      verdict: 'DIVERGED',
      regressed: true,
      divergences: [{ divergence: 'NEW_FAILURE', count: 1 }],
    }),
    line({ fingerprint: 'aaaaaaaaaaaaaaaa', normalised: 'SELECT 2', verdict: 'UNVERIFIABLE', replayed: NONE }),
  ],
  failures: [
    {
      sqlstate: '42P01',
      fingerprint: 'fedcba9876543210',
      normalised: NASTY,
      count: 1,
      cascades: 0,
      expected: 0,
      firstSeq: 4,
      lastSeq: 4,
      sampleMessage: NASTY,
    },
  ],
  divergences: [
    {
      divergence: 'NEW_FAILURE',
      fingerprint: 'fedcba9876543210',
      normalised: NASTY,
      count: 1,
      firstSeq: 4,
      lastSeq: 4,
      sample: `failed with ${NASTY}`,
      firstCursor: 'x',
    },
  ],
  thresholds: [threshold(true), threshold(false)],
  remarks: [NASTY],
});

/** What a strict parser of XML 1.0 would refuse; the elements of the document otherwise. */
function parse(xml: string): { readonly name: string; readonly attributes: Record<string, string> }[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u);
  const open: string[] = [];
  const elements: { name: string; attributes: Record<string, string> }[] = [];
  let at = 0;
  for (const match of xml.matchAll(
    /<(\/?)([\w-]+)((?:\s+[\w-]+="[^"<]*")*)\s*(\/?)>|<\?xml version="1.0" encoding="UTF-8"\?>/g,
  )) {
    const between = xml.slice(at, match.index);
    expect(between).not.toMatch(/[<]|&(?!(?:amp|lt|gt|quot|#\d+);)|]]>/);
    at = match.index + match[0].length;
    const [, closes, name, attributes = '', empty] = match;
    if (name === undefined) continue;
    if (closes) expect(open.pop()).toBe(name);
    else {
      const pairs = [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(
        ([, key, value]) => [key ?? '', value ?? ''] as const,
      );
      expect(attributes).not.toMatch(/&(?!(?:amp|lt|gt|quot|#\d+);)/);
      expect(new Set(pairs.map(([key]) => key)).size).toBe(pairs.length);
      elements.push({ name, attributes: Object.fromEntries(pairs) });
      if (!empty) open.push(name);
    }
  }
  expect(open).toEqual([]);
  expect(xml.slice(at).trim()).toBe('');
  return elements;
}

describe('JUnit XML', () => {
  test('has one suite with a case for the run, each threshold and each statement', () => {
    const xml = junitXml(bad);
    const elements = parse(xml);
    const [suite] = elements.filter(({ name }) => name === 'testsuite');
    expect(suite?.attributes).toMatchObject({
      name: 'replay against staging-db:5432/shop',
      tests: '6',
      failures: '2',
      errors: '0',
      skipped: '1',
      time: '60',
      timestamp: '2026-11-24T08:00:00Z',
    });
    expect(elements.filter(({ name }) => name === 'testcase').map(({ attributes }) => attributes['classname'])).toEqual(
      [
        'reprise.run',
        'reprise.thresholds',
        'reprise.thresholds',
        'reprise.statements',
        'reprise.statements',
        'reprise.statements',
      ],
    );
    expect(xml).toContain('<testcase classname="reprise.thresholds" name="p95&lt;2ms" time="0"/>');
    expect(xml).toContain('<failure message="p95&lt;2ms: 2.5 ms" type="reprise.thresholds">');
    expect(xml).toContain(
      '<testcase classname="reprise.statements" name="SELECT ? [0123456789abcdef]" time="0.0025"/>',
    );
    expect(xml).toContain('<failure message="NEW_FAILURE 1" type="reprise.statements">');
    expect(xml).toContain('<skipped message="the record holds nothing to compare with"/>');
  });

  test('shows a run that did not complete, or has unknown outcomes, as an error', () => {
    const error = { code: 'TARGET_LOST', message: 'the target <went> away' };
    const xml = junitXml(data({}, { state: 'FAILED', error } as Partial<ReportData['replay']>));
    expect(parse(xml).find(({ name }) => name === 'testsuite')?.attributes).toMatchObject({
      errors: '1',
      failures: '0',
    });
    expect(xml).toContain('<error message="the run is FAILED: the target &lt;went&gt; away" type="run">');
    const { replay } = data();
    const unknown = data({}, { summary: { ...replay.summary, unknown: 2 } });
    expect(junitXml(unknown)).toContain('2 statements have an unknown outcome');
    const one = data({}, { summary: { ...replay.summary, unknown: 1 } });
    expect(junitXml(one)).toContain('1 statement has an unknown outcome');
  });

  test('shows lost transactions as an error, by their number and not by a sentence', () => {
    const lost = (report: Partial<ReportData['report']>) => junitXml(data(report)).includes('transactions were lost"');
    expect(lost({ lostStatements: 1 })).toBe(true);
    expect(lost({ remarks: ['transactions were lost: 1 statement'] })).toBe(false);
  });

  test('is well-formed XML whatever the texts hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (normalised, message) => {
        const regressed = line({ normalised, regressed: true });
        parse(junitXml(data({ statements: [regressed], remarks: [message] }, { target: message })));
      }),
    );
  });

  test('keeps white space of attributes, and marks what XML cannot hold', () => {
    expect(escapeAttribute('a\n\t"\'<&>')).toBe('a&#10;&#9;&quot;&#39;&lt;&amp;&gt;');
    expect(escapeText('a\n]]>\u0000\u001b\ud800𝄞\ufffe')).toBe('a\n]]&gt;\ufffd\ufffd\ufffd𝄞\ufffd');
  });
});

describe('CSV', () => {
  test('has a table of statements, and others on request', () => {
    const statements = reportCsv(data(), 'statements').split('\r\n');
    expect(statements[0]).toMatch(
      /^replay,fingerprint,statement,calls,.*,verdict,regressed,divergences,unverifiable_failures$/,
    );
    expect(statements[1]).toBe(
      '01890000-0000-7000-8000-000000000001,0123456789abcdef,SELECT ?,3,0,0,0,3,1,2,3,1.5,2.5,3.5,SAME,false,,0',
    );
    expect(statements.slice(2)).toEqual(['']);
    expect(reportCsv(bad, 'failures')).toContain(',42P01,"SELECT \'a\' < ""b"" && ');
    expect(reportCsv(bad, 'divergences')).toContain('NEW_FAILURE,fedcba9876543210,');
    expect(reportCsv(bad, 'thresholds').split('\r\n')[2]).toMatch(/,p95<2ms,2.5,MS,false$/);
    const names = (table: string) => table.split('\r\n')[0]?.split(',').length;
    for (const table of ['statements', 'failures', 'divergences', 'thresholds'] as const) {
      const clean = data({ ...bad.report, statements: [line()], failures: [], divergences: [] });
      for (const row of reportCsv(clean, table).trim().split('\r\n'))
        expect(names(row)).toBe(names(reportCsv(bad, table)));
    }
  });

  test.each([
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    ['-- hint', "'-- hint"],
    [-1.5, '-1.5'],
    [null, ''],
    [true, 'true'],
  ])('writes %j as %j', (value, expected) => {
    expect(csvCell(value)).toBe(expected);
  });
});

describe('HTML', () => {
  test('is one page that loads nothing and runs only its own script', () => {
    const page = htmlReport(bad);
    expect(page).not.toMatch(/(?:src|href)\s*=/i);
    expect(page).not.toMatch(/url\(|@import|https?:/i);
    const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text]) => text ?? '');
    expect(scripts).toHaveLength(1);
    const hash = createHash('sha256')
      .update(scripts[0] ?? '')
      .digest('base64');
    expect(HTML_SCRIPT.hash).toBe(`sha256-${hash}`);
    expect(page).toContain(`script-src 'sha256-${hash}'`);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).not.toContain('\u0000');
  });

  test('says first what has to be looked at', () => {
    expect(htmlReport(bad)).toContain('1 threshold missed; 1 statement got worse.</p>');
    expect(htmlReport(data())).toContain('It did what the record says.</p>');
    for (const heading of ['Summary', 'Thresholds', 'Remarks', 'Divergences', 'Failures', 'Statements']) {
      expect(htmlReport(bad)).toContain(`<h2>${heading}</h2>`);
    }
  });
});

describe('what could not be compared', () => {
  const { summary } = data().replay;
  const skips = (COPY_DATA: number, TRUNCATED: number) => [
    { reason: 'TRUNCATED', count: TRUNCATED } as const,
    { reason: 'COPY_DATA', count: COPY_DATA } as const,
  ];
  const counts = (fields: object, statements: readonly StatementLine[] = [line()]) =>
    data({ statements: [...statements] }, { summary: { ...summary, diverged: 0, ...fields } });
  const unsent = line({ calls: 7, sent: 0, skips: skips(5, 2), verdict: 'UNVERIFIABLE' });
  const partly = counts({ skipped: 9, unverifiable: 12 }, [unsent, line({ calls: 4, sent: 2, skips: skips(1, 1) })]);

  test('is told, with how much and why, where a run would have done what the record says', () => {
    const text = 'what could be compared is as the record says: 9 skipped (COPY_DATA 6, TRUNCATED 3), 3 not comparable';
    expect(reportText(partly)).toContain(`\n${text}`);
    expect(htmlReport(partly)).toContain(` W${text.slice(1)}.</p>`);
    expect(htmlReport(partly)).toContain('<p class="verdict good">');
    const nothing = counts({ same: 0, unverifiable: 3 });
    expect(reportText(nothing)).toContain('\nnothing could be compared with the record: 3 not comparable');
    expect(htmlReport(nothing)).toContain('<p class="verdict">Nothing could be compared with the record');
    expect(reportText(counts({ skipped: 2, unverifiable: 2 }))).toContain('as the record says: 2 skipped');
    expect(reportText(counts({}))).toContain('\nit did what the record says');
  });

  test('is a skipped case of JUnit that says why', () => {
    expect(junitXml(partly)).toContain('<skipped message="not sent: COPY_DATA 5, TRUNCATED 2"/>');
    const some = line({ calls: 9, sent: 1, skips: skips(5, 2), verdict: 'UNVERIFIABLE' });
    expect(junitXml(counts({}, [some]))).toContain(
      '<skipped message="not sent: COPY_DATA 5, TRUNCATED 2; outcome unknown: 1; the record holds nothing to compare with"/>',
    );
  });

  test('and failed is something to look at', () => {
    const failed = line({ failures: 2, unverifiableFailures: 2, verdict: 'UNVERIFIABLE', regressed: true });
    const run = counts({ unverifiable: 2, unverifiableFailures: 2 }, [failed]);
    expect(reportText(run)).toContain('1 of 1 statements got worse');
    expect(reportText(run)).toContain('2 unverifiable, of which 2 failed');
    expect(reportText(run)).not.toContain('as the record says');
    expect(htmlReport(run)).toContain('1 statement got worse.</p>');
    expect(junitXml(run)).toContain('<failure message="unverifiable failures 2" type="reprise.statements">');
  });
});

test('JSON holds everything that the others are made from', () => {
  expect(JSON.parse(renderReport(bad, 'json'))).toEqual({ version: 1, ...JSON.parse(JSON.stringify(bad)) });
});

describe('lag by cause', () => {
  const { summary } = data().replay;
  const paced = (lagByCause: readonly { readonly cause: string; readonly ms: number }[]) =>
    data({}, {
      summary: { ...summary, lag: { p50: 1, p95: 20, p99: 30 }, lagByCause },
    } as Partial<ReportData['replay']>);
  const late = paced([
    { cause: 'NONE', ms: 12 },
    { cause: 'DISPATCHER', ms: 500 },
    { cause: 'LOCK', ms: 0 },
    { cause: 'TARGET', ms: 1_500 },
  ]);

  test('is a line of the summary for people and of the HTML page, most first', () => {
    expect(reportText(late)).toMatch(/^lag by cause +TARGET 75 %, DISPATCHER 25 %$/m);
    expect(htmlReport(late)).toContain('<th scope="row">Lag by cause</th><td>TARGET 75 %, DISPATCHER 25 %</td>');
  });

  test('says so when nothing was late', () => {
    const text = reportText(paced([{ cause: 'NONE', ms: 12 }]));
    expect(text).toMatch(/^lag by cause +no statement was sent late$/m);
  });

  test('is left out of a run without a schedule', () => {
    expect(reportText(data())).not.toContain('lag by cause');
    expect(htmlReport(data())).not.toContain('Lag by cause');
  });
});

describe('what a run was asked for', () => {
  const request = data().replay.request;
  const asked = data(
    {},
    {
      request: {
        ...request,
        readOnly: true,
        databases: [{ recorded: 'shop', target: 'shop_staging' }],
        users: [{ recorded: 'app', target: 'app_ro' }],
        filter: {
          ...NO_FILTER,
          users: [''],
          textExcludes: '<x>',
          minDurationMs: 1500,
          sessionIds: Array.from({ length: 1009 }, (_, n) => `s${n}`),
        },
      } as ReportData['replay']['request'],
    },
  );
  const filter =
    "statement does not hold: <x>; users: ''; sessions: s0, s1, s2, s3, s4, s5, s6, s7 and 1,001 more; took at least: 1500 ms";

  test('is told in words, also for people: its filter, what is mapped, and whether it is read-only', () => {
    const text = reportText(asked);
    expect(text).toContain(filter);
    expect(text).toMatch(/^databases +shop → shop_staging$/m);
    expect(text).toMatch(/^users +app → app_ro$/m);
    expect(text).toMatch(/^read-only +yes$/m);
    const html = htmlReport(asked);
    expect(html).toContain(`<tr><th scope="row">Filter</th><td>${escapeText(filter)}</td></tr>`);
    expect(html).toContain('<tr><th scope="row">Databases</th><td>shop → shop_staging</td></tr>');
    expect(html).toContain('<tr><th scope="row">Read-only</th><td>yes</td></tr>');
    expect(parse(junitXml(asked))).toContainEqual({
      name: 'property',
      attributes: { name: 'users', value: 'app → app_ro' },
    });
    expect(JSON.parse(renderReport(asked, 'json')).replay.request.filter.minDurationMs).toBe(1500);
  });

  test('is said to be all of the window where there is no filter', () => {
    expect(reportText(data())).toMatch(/^filter +none: all entries of the window$/m);
    expect(reportText(data())).toMatch(/^read-only +no$/m);
    expect(reportText(data())).not.toMatch(/^databases/m);
  });
});
