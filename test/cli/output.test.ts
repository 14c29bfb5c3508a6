import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { duration, fields, LiveLine, oneLine, table } from '../../src/cli/io.ts';
import { bytes } from '../../src/client/bytes.ts';

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

  test('an empty table is its headings', () => expect(table(['a', 'b'], [])).toBe('a  b'));

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
