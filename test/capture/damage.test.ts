import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CsvRecords } from '../../src/capture/csv-records.ts';
import type { LogRecord } from '../../src/capture/log-record.ts';
import { LogClock } from '../../src/capture/log-time.ts';
import { type CollectedLog, collectLog } from './collect.ts';
import { collectText, EXTENSIONS, type Extension, example, fixture, lossCounts, textOf } from './support.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capture-'));
});
afterAll(() => rm(folder, { recursive: true }));

const small = (extension: Extension) => textOf(fixture(`pg18-start.${extension}.gz`));
const what = (log: CollectedLog) => ({ begun: log.begun, entries: log.entries, ended: log.ended, losses: log.losses });

/** Index of the start of the n-th record. */
function recordStart(text: string, extension: Extension, n: number): number {
  const start =
    extension === 'json'
      ? /^\{"timestamp":/gm
      : /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC[|,](?!"not")(?!postgres\|app\|')/gm;
  return [...text.matchAll(start)][n]?.index ?? -1;
}

describe.each(EXTENSIONS)('a %s log', (extension) => {
  test('gives the same however its bytes arrive', async () => {
    const text = small(extension);
    const whole = await collectText(text);
    for (const size of [1, 7, 100, 4096]) expect(what(await collectText(text, {}, size))).toEqual(what(whole));
  });

  test('that was written on Windows gives the same, statements with line ends included', async () => {
    const text = small(extension);
    const windows = text.replaceAll('\n', '\r\n');
    const log = await collectText(text);
    for (const size of [1, 7, 4096]) {
      const collected = await collectText(windows, {}, size);
      expect(collected.entries).toEqual(log.entries);
      expect(collected.losses).toEqual(log.losses);
    }
  });

  test('that was written on Windows may be cut off within a line end', async () => {
    const text = small(extension);
    const at = recordStart(text, extension, 120);
    const inTwo = async (name: string, first: string, second: string) => {
      const files = [join(folder, `${name}-a.${extension}`), join(folder, `${name}-b.${extension}`)];
      await writeFile(files[0] as string, first);
      await writeFile(files[1] as string, second);
      return (await collectLog({ files })).entries;
    };
    const windows = (part: string) => part.replaceAll('\n', '\r\n');
    for (const rest of ['', '\n']) {
      const [first, second] = [text.slice(0, at - 1), rest + text.slice(at)];
      const cut = await inTwo('windows', `${windows(first)}\r`, rest + windows(text.slice(at)));
      expect(cut).toEqual(await inTwo('unix', first, second));
    }
  });

  test('gives the same in pieces rotated at a record', async () => {
    const text = small(extension);
    const at = recordStart(text, extension, 120);
    const files = [join(folder, `a.${extension}`), join(folder, `b.${extension}.gz`)];
    await writeFile(files[0] as string, text.slice(0, at));
    await writeFile(files[1] as string, gzipSync(text.slice(at)));
    const whole = await collectText(text);
    const pieces = await collectLog({ files });
    const placeless = (log: CollectedLog) => log.losses.map(({ source, ...rest }) => rest);
    expect(pieces.order.filter((line) => !line.startsWith('loss'))).toEqual(
      whole.order.filter((line) => !line.startsWith('loss')),
    );
    expect(pieces.entries).toEqual(whole.entries);
    expect(placeless(pieces)).toEqual(placeless(whole));
    const inSecond = pieces.losses.filter((loss) => loss.source.startsWith(files[1] as string));
    const linesBefore = text.slice(0, at).split('\n').length - 1;
    const last = whole.losses.at(-1)?.source.split(':').at(-1);
    expect(inSecond.at(-1)?.source).toBe(`${files[1]}:${Number(last) - linesBefore}`);
  });

  test('gives the same in pieces split at any byte', async () => {
    const bytes = Buffer.from(small(extension));
    const whole = await collectText(bytes);
    const files = [join(folder, `x.${extension}`), join(folder, `y.${extension}`)];
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 5000, max: bytes.length - 1 }), async (at) => {
        await writeFile(files[0] as string, bytes.subarray(0, at));
        await writeFile(files[1] as string, bytes.subarray(at));
        const pieces = await collectLog({ files });
        expect(pieces.entries).toEqual(whole.entries);
        expect(pieces.losses.map((loss) => loss.reason)).toEqual(whole.losses.map((loss) => loss.reason));
      }),
      { numRuns: 30 },
    );
  });

  test('gives the same when split before a stamp in a statement', async () => {
    const stamp = '2026-01-02 03:04:05 UTC,1,2,3,4,5,6,7,8,9,10,11';
    const text = small(extension).replaceAll('statement: ', `statement: /* ${stamp} */ `);
    const whole = await collectText(text);
    const files = [join(folder, `stamp-x.${extension}`), join(folder, `stamp-y.${extension}`)];
    const at = text.indexOf(stamp, recordStart(text, extension, 120));
    await writeFile(files[0] as string, text.slice(0, at));
    await writeFile(files[1] as string, text.slice(at));
    expect((await collectLog({ files })).entries).toEqual(whole.entries);
  });

  test('counts a mangled record with file and line and goes on', async () => {
    const text = small(extension);
    const whole = await collectText(text);
    // Cut the middle out of a record, over its end and into the next: both are gone, nothing else.
    const from = recordStart(text, extension, 100);
    const to = recordStart(text, extension, 101);
    const mangled = `${text.slice(0, from + 20)}\0\0\0${text.slice(to + 20)}`;
    const log = await collectText(mangled);
    const unparsable = log.losses.filter((loss) => loss.reason === 'UNPARSABLE_LINE');
    expect(unparsable).toHaveLength(1);
    expect(unparsable[0]?.source).toBe(`-:${text.slice(0, from).split('\n').length}`);
    expect(log.entries.length).toBeGreaterThanOrEqual(whole.entries.length - 2);
    expect(log.entries.at(-1)).toEqual(whole.entries.at(-1));
  });

  test('a record whose time zone is damaged is counted, and the others are read', async () => {
    const text = small(extension);
    const at = recordStart(text, extension, 30);
    const zone = text.indexOf(' UTC', at);
    const log = await collectText(`${text.slice(0, zone)} TC${text.slice(zone + 4)}`);
    expect(log.losses.filter((loss) => loss.reason === 'UNPARSABLE_LINE')).not.toEqual([]);
    expect(log.entries.at(-1)).toEqual((await collectText(text)).entries.at(-1));
  });

  test('survives any bytes in the middle, with every record behind them', async () => {
    const text = small(extension);
    const whole = await collectText(text);
    const last = whole.entries.at(-1);
    const end = recordStart(text, extension, 200);
    const head = recordStart(text, extension, 20);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: head, max: end - 1 }),
        fc.integer({ min: 1, max: 300 }),
        fc.string({ maxLength: 20 }),
        async (at, length, noise) => {
          const log = await collectText(text.slice(0, at) + noise + text.slice(Math.min(at + length, end)));
          expect(log.entries).toContainEqual(last);
          expect(log.entries.length).toBeGreaterThan(whole.entries.length - 12);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('counts the record that a file breaks off in, when another file follows', async () => {
    const text = small(extension);
    const at = recordStart(text, extension, 120);
    const files = [join(folder, `cut.${extension}`), join(folder, `next.${extension}`)];
    await writeFile(files[0] as string, text.slice(0, at - 9));
    await writeFile(files[1] as string, text.slice(at));
    const log = await collectLog({ files });
    const unparsable = log.losses.filter((loss) => loss.reason === 'UNPARSABLE_LINE');
    expect(unparsable.map((loss) => loss.source.split(':')[0])).toEqual([files[0]]);
    expect(log.entries.length).toBeGreaterThanOrEqual((await collectText(text)).entries.length - 1);
  });

  test('marks the statements of a database of another encoding, whose bytes are not UTF-8', async () => {
    const text = textOf(fixture(`pg15-noise.${extension}.gz`)).replaceAll("'last'", "'na\u00efve'");
    for (const size of [1, 4096]) {
      const log = await collectText(Buffer.from(text, 'latin1'), {}, size);
      const last = log.entries.at(-1);
      expect(last).toMatchObject({ statement: "SELECT 'na\ufffdve'", unreplayable: 'TRUNCATED' });
      expect(lossCounts(log)).toEqual({ TRUNCATED: 1 });
      const utf8 = await collectText(text.replaceAll("'na", "'\ufffd \u{1f600} na"), {}, size);
      expect(utf8.entries.at(-1)).toMatchObject({
        statement: "SELECT '\ufffd \u{1f600} na\u00efve'",
        unreplayable: null,
      });
      expect(utf8.losses).toEqual([]);
    }
  });

  test('counts a gzip file that is cut off, and keeps what it holds', async () => {
    const text = small(extension);
    const packed = gzipSync(text);
    const files = [join(folder, `cut.${extension}.gz`)];
    await writeFile(files[0] as string, packed.subarray(0, packed.length >> 1));
    const log = await collectLog({ files });
    expect(log.losses.filter((loss) => loss.detail.startsWith('the compressed file is cut off'))).toHaveLength(1);
    expect(log.entries.length).toBeGreaterThan(20);
    const whole = (await collectText(text)).entries;
    const certain = log.entries.filter((entry) => entry.outcome.status !== 'UNKNOWN');
    expect(certain).toEqual(
      whole.filter((entry) =>
        certain.some((own) => own.transactionId === entry.transactionId && own.sequence === entry.sequence),
      ),
    );
  });

  test('a file joined from an interrupted gzip and its successor loses one record at most', async () => {
    const text = textOf(example('shop', extension)).slice(0, 400_000);
    const files = [join(folder, `half.${extension}.gz`), join(folder, `rest.${extension}`)];
    const at = recordStart(text, extension, 700);
    const packed = gzipSync(text.slice(0, at));
    await writeFile(files[0] as string, packed.subarray(0, packed.length - 8));
    await writeFile(files[1] as string, text.slice(at));
    const log = await collectLog({ files });
    const whole = await collectText(text);
    expect(log.entries).toEqual(whole.entries);
    expect(lossCounts(log)['UNPARSABLE_LINE']).toBe((lossCounts(whole)['UNPARSABLE_LINE'] ?? 0) + 1);
  });
});

test('a connection line that names no process ends nothing', async () => {
  const text = small('json');
  const nameless = {
    timestamp: '2026-01-01 00:00:00.000 UTC',
    error_severity: 'LOG',
    message: 'connection received: host=a',
  };
  const log = await collectText(`${JSON.stringify(nameless)}\n${text}`);
  expect(log.entries.map((entry) => entry.statement)).toEqual(
    (await collectText(text)).entries.map((entry) => entry.statement),
  );
});

test('a jsonlog record whose fields hold other than they should takes no other with it', async () => {
  const text = small('json');
  const record = JSON.parse(text.slice(0, text.indexOf('\n'))) as Record<string, unknown>;
  const damaged = Object.keys(record).map((field) => JSON.stringify({ ...record, [field]: { a: 1 } }));
  const log = await collectText(`${damaged.join('\n')}\n${text}`);
  expect(log.entries.map((entry) => entry.statement)).toEqual(
    expect.arrayContaining((await collectText(text)).entries.map((entry) => entry.statement)),
  );
});

describe('two csvlog files, split anywhere', () => {
  const stamp = '2026-01-02 03:04:05.678 UTC';
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const client = (line: number, message: string) =>
    `${stamp},"app","shop",4242,"[local]",6b060784.1092,${line},"idle",2026-01-02 03:04:05 UTC,4/${line},0,LOG,00000,` +
    `${quoted(message)},,,,,,,,,"","client backend",,0\n`;
  const checkpoint = (message: string) =>
    `${stamp},,,17,,6b060001.11,3,,2026-01-02 03:00:00 UTC,,0,LOG,00000,${quoted(message)},,,,,,,,,"","checkpointer",,0\n`;
  const pasted = client(1, 'statement: SELECT "a"') + checkpoint('checkpoint starting: time') + client(2, '"odd" one');
  const records = [
    client(1, 'statement: SELECT 1'),
    client(2, `statement: INSERT INTO logs VALUES ('\n${pasted}')`),
    client(3, `statement: INSERT INTO logs VALUES ('${stamp},1,2,"')`),
    checkpoint('checkpoint starting: time'),
    checkpoint('"quoted" from the start'),
    client(4, 'duration: 0.123 ms'),
  ];

  function read(files: readonly string[], size: number) {
    const messages: string[] = [];
    const places: string[] = [];
    const unparsable: string[] = [];
    const sink = {
      record: (record: LogRecord) => {
        messages.push(record.message);
        places.push(`${record.file}:${record.line}`);
      },
      unparsable: (file: string, line: number, detail: string) => unparsable.push(`${file}:${line}: ${detail}`),
    };
    const reader = new CsvRecords(sink, new LogClock(null));
    for (const [index, file] of files.entries()) {
      reader.startFile('ab'.charAt(index));
      for (let start = 0; start < file.length; start += size) reader.push(file.slice(start, start + size));
    }
    reader.settle();
    reader.end();
    return { messages, places, unparsable };
  }

  const text = records.join('');
  const { messages } = read([text], text.length);

  test.each([text.length, 64, 1])('give what one file gives, in pieces of %d', (size) => {
    expect(messages).toHaveLength(records.length);
    for (let at = 1; at < text.length; at++) {
      const split = read([text.slice(0, at), text.slice(at)], size);
      expect({ at, messages: split.messages, unparsable: split.unparsable }).toEqual({ at, messages, unparsable: [] });
    }
  });

  test.each([text.length, 64, 1])('lose the record that the first breaks off in, in pieces of %d', (size) => {
    let start = 0;
    for (const [index, record] of records.entries()) {
      const next = text.slice(start + record.length);
      const others = messages.toSpliced(index, 1);
      // With its 23rd field begun, a record is a whole one of PostgreSQL 12.
      const cut = record.lastIndexOf(',"","');
      for (let length = 1; length <= cut; length++) {
        const at = start + length;
        const log = read([text.slice(0, at), next], size);
        expect({ at, messages: log.messages }).toEqual({ at, messages: others });
        expect(log.unparsable[0]).toMatch(`a:${text.slice(0, start).split('\n').length}: `);
        expect(log.places.filter((place) => place === 'b:1')).toHaveLength(next === '' ? 0 : 1);
      }
      start += record.length;
    }
  });

  test('lose both records where each file breaks off in one', () => {
    for (let length = stamp.length + 1; length < 100; length++) {
      expect(read([text.slice(0, 150), text.slice(0, length)], 16)).toMatchObject({
        messages: [],
        unparsable: [
          'a:1: the record is cut off where the file ends',
          'b:1: the record is cut off where the file ends',
        ],
      });
    }
  });
});

test('a csvlog that starts in the middle of a record counts the rest of it once', async () => {
  const text = small('csv');
  const log = await collectText(text.slice(recordStart(text, 'csv', 20) + 30));
  expect(log.losses[0]).toMatchObject({ reason: 'UNPARSABLE_LINE', source: '-:1' });
  expect(lossCounts(log)['UNPARSABLE_LINE']).toBe(1);
});

test('sessions that began before the log did are counted once each', async () => {
  const text = small('json');
  const log = await collectText(text.slice(recordStart(text, 'json', 60)));
  expect(lossCounts(log)['SESSION_JOINED_LATE']).toBe(1);
  const { detail } = log.losses.find(({ reason }) => reason === 'SESSION_JOINED_LATE') ?? {};
  expect(detail).toMatch(/where there is a log before this one, import both at once$/);
});

test('a lost duration makes the outcome unknown, a lost statement is counted', async () => {
  const lines = small('json').split('\n');
  const duration = lines.findIndex((line) => line.includes('"ps":"CREATE TABLE"'));
  const withoutDuration = await collectText(lines.toSpliced(duration, 1).join('\n'));
  expect(lossCounts(withoutDuration)['OUTCOME_UNKNOWN']).toBe(1);
  expect(withoutDuration.entries[0]?.outcome.status).toBe('UNKNOWN');
  const withoutStatement = await collectText(lines.toSpliced(duration - 1, 1).join('\n'));
  expect(lossCounts(withoutStatement)['STATEMENT_TEXT_MISSING']).toBe(1);
});

test('a lost COMMIT does not draw the next transaction into the one before', async () => {
  const lines = small('csv').split('\n');
  const start = lines.findIndex((line) => line.includes('"statement: END"'));
  const log = await collectText(lines.toSpliced(start, 2).join('\n'));
  const whole = await collectText(lines.join('\n'));
  expect(log.begun.map((begin) => begin.id)).toEqual(whole.begun.map((begin) => begin.id));
  expect(log.ended).toHaveLength(whole.ended.length - 1);
  expect(lossCounts(log)['OUTCOME_UNKNOWN']).toBe(1);
});

test('a clock that went back is counted, and timestamps go on increasing', async () => {
  const lines = small('json').split('\n');
  const back = lines.map((line, index) =>
    index > 60 ? line.replace(/"timestamp":"(....-..-..) (..)/, '"timestamp":"$1 00') : line,
  );
  const log = await collectText(back.join('\n'));
  expect(lossCounts(log)['CLOCK_WENT_BACK']).toBe(1);
  const last = new Map<string, number>();
  for (const { origin, timestamp } of log.entries) {
    expect(timestamp).toBeGreaterThan(last.get(origin.sessionId) ?? 0);
    last.set(origin.sessionId, timestamp);
  }
});
