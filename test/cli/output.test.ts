import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { duration, fields, LiveLine, oneLine, table, wrapTo } from '../../src/cli/io.ts';
import { progressBlock, remarksText } from '../../src/cli/run-view.ts';
import { settleWindow } from '../../src/cli/service.ts';
import { bytes } from '../../src/client/bytes.ts';
import type { Client } from '../../src/client/index.ts';
import { LATEST } from '../../src/journal/recording.ts';

function terminal(isTTY: boolean) {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  let text = '';
  stream.on('data', (chunk) => {
    text += String(chunk);
  });
  stream.isTTY = isTTY;
  stream.columns = 20;
  return { stream, text: () => text };
}

describe('what the command line prints', () => {
  test('tables align numbers to the right and leave no spaces at the ends of lines', () => {
    const text = table(
      ['name', 'count'],
      [
        ['é', 1],
        ['long name', 12345],
        ['none', null],
      ],
    );
    expect(text).toBe('name        count\né               1\nlong name  12,345\nnone            –');
  });

  test('a table has as many rows as are asked for', () => {
    const rows = Array.from({ length: 200_000 }, (_, index) => [`row ${index}`]);
    expect(table(['name'], rows).split('\n')).toHaveLength(200_001);
  });

  test('a name of any length does not fill every row up to it, and the last column is whole', () => {
    const [first = '', second = ''] = table(['session', 'statement'], [['x'.repeat(100_000), 'y'.repeat(1000)]]).split(
      '\n',
    );
    expect(first).toHaveLength(211);
    expect(second).toBe(`${'x'.repeat(199)}…  ${'y'.repeat(1000)}`);
  });

  test('an empty table is its headings', () => expect(table(['a', 'b'], [])).toBe('a  b'));

  test('control characters of others are made visible, line ends are kept', () => {
    expect(table(['\u001b[1m'], [['a\u009bb']])).toBe('\u{fffd}[1m\na\u{fffd}b');
    expect(fields([['one', 'x\u001b[2J\ny']])).toBe('one  x\u{fffd}[2J\ny');
    expect(remarksText(['the session \u0007 was lost'])).toBe('the session \u{fffd} was lost');
  });

  test('fields without a value are left out', () => {
    expect(
      fields([
        ['one', 1],
        ['three', null],
        ['second', 'x'],
      ]),
    ).toBe('one     1\nsecond  x');
  });

  test.each([
    [0.3456, '0.35 ms'],
    [12.4, '12 ms'],
    [999.6, '1000 ms'],
    [3400, '3.4 s'],
    [125_000, '2 min 05 s'],
    [3_725_000, '1 h 02 min'],
  ])('%d ms reads as %s', (ms, text) => expect(duration(ms)).toBe(text));

  test('bytes read in units of 1,024', () => {
    expect([bytes(512), bytes(1536), bytes(3 * 1024 ** 3)]).toEqual(['512 B', '1.5 kB', '3.0 GB']);
  });

  test('statements fit on a line', () => expect(oneLine('SELECT\n  1,\t2 FROM x', 12)).toBe('SELECT 1, 2…'));

  test('what is too long for a line is broken at spaces, and cut where it would take too many', () => {
    expect(wrapTo('12:00  one two  three', 16, 7)).toBe('12:00  one two\n       three');
    expect(wrapTo('12:00  one two three four', 14, 7, 2)).toBe('12:00  one two\n       three …');
    expect(wrapTo('abc d', 3, 12)).toBe('abc\n d');
    expect(wrapTo('abcdefghij klm', 6, 2)).toBe('abcdef\n  ghij\n  klm');
  });

  test.each([100, 80, 60, 50, 40])('the progress of a run shows share, ETA and counts in %d columns', (width) => {
    const none = { p50: null, p95: null, p99: null };
    const block = progressBlock(
      'RUNNING',
      {
        ...{ planned: 27_000_000, succeeded: 12_300_000, failed: 45, cascades: 7, skipped: 3, unknown: 0 },
        ...{ same: 0, diverged: 0, unverifiable: 0, divergences: [{ divergence: 'NEW_FAILURE', count: 45 }] },
        ...{
          rows: 0,
          stalls: 0,
          connectionsOpened: 1,
          firstError: null,
          elapsedMs: 10_000,
          rate: 1234,
          etaMs: 725_000,
        },
        ...{ position: '2026-11-23T16:28:37.447000Z', duration: none, recordedDuration: none },
        ...{ lag: { p50: 1, p95: 12, p99: 30 }, lagByCause: [], durationsApproximate: false },
      } as never,
      width,
    );
    expect(Math.max(...block.split('\n').map((line) => line.length))).toBeLessThanOrEqual(width);
    const words = block.replace(/\s+/g, ' ');
    expect(words).toMatch(/^RUNNING .*45 %.* ETA 12 min 05 s /);
    expect(words).toContain('1,234/s lag p95 12 ms at 2026-11-23T16:28:37.447000Z');
    expect(words).toContain('12,300,000 succeeded, 45 failed, 7 cascades, 3 skipped, 45 differ');
  });

  test('a live line is rewritten on a terminal and cut to its width', () => {
    const { stream, text } = terminal(true);
    const live = new LiveLine(stream);
    live.show('first line that is too long\nsecond');
    live.clear();
    expect(text()).toBe('first line that is…\nsecond\r\u001b[2K\u001b[1A\u001b[2K');
  });

  test('elsewhere it is written once an interval, on one line', () => {
    const { stream, text } = terminal(false);
    const live = new LiveLine(stream, { intervalMs: 60_000 });
    live.show('first\nhalf');
    live.show('second');
    live.clear();
    expect(text()).toBe('first  half\n');
  });
});

test('the window of all holds whatever time an entry may have', async () => {
  let asked = { from: '', to: '' };
  const client = {
    request: async (_document: unknown, { window }: { window: typeof asked }) => {
      asked = window;
      return { journalCoverage: { first: window.from, last: window.to } };
    },
  } as unknown as Client;
  const { signal } = new AbortController();
  await settleWindow(client, { window: 'all' }, { signal } as Parameters<typeof settleWindow>[2]);
  expect(Date.parse(asked.from)).toBeLessThanOrEqual(0);
  expect(Date.parse(asked.to)).toBeGreaterThan(LATEST / 1000);
});
