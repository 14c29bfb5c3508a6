import { describe, expect, test } from 'vitest';
import { recogniseLog } from '../../src/capture/log-format.ts';
import { LogClock } from '../../src/capture/log-time.ts';
import { splitNamedText } from '../../src/capture/messages.ts';
import { LongestValue, readParameters } from '../../src/capture/parameters.ts';
import { Session } from '../../src/capture/session.ts';
import { sqlstateOf } from '../../src/capture/sqlstates.ts';
import { COMMON_PREFIXES, StderrPrefix } from '../../src/capture/stderr-prefix.ts';
import { RepriseError } from '../../src/errors.ts';
import { formatMicros } from '../../src/journal/window.ts';
import { collectText, comparable, example, fixture, lossCounts, textOf } from './support.ts';

const code = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return 'none';
  } catch (error) {
    return error instanceof RepriseError ? error.code : String(error);
  }
};

describe('csvlog', () => {
  // Columns 24 to 26 are new in PostgreSQL 13 and 14; none of these fixtures' values holds a comma behind column 22.
  const columns = (count: 23 | 24) =>
    textOf(fixture('pg15-start.csv.gz')).replaceAll(
      /,"([^"]*)","(client backend|not initialized|postmaster|logger|background writer)",(\d*),(-?\d+)$/gm,
      (_, application, type) => (count === 23 ? `,"${application}"` : `,"${application}","${type}"`),
    );

  test.each([23, 24] as const)('of %i columns gives the same as of 26', async (count) => {
    const text = columns(count);
    expect(
      text
        .split('\n')
        .find((line) => line.includes('connection received'))
        ?.split(','),
    ).toHaveLength(count);
    expect(comparable(await collectText(text))).toEqual(
      comparable(await collectText(textOf(fixture('pg15-start.csv.gz')))),
    );
  });

  test('may have line ends of Windows', async () => {
    const text = textOf(example('pgbench', 'csv')).slice(0, 200_000);
    expect(comparable(await collectText(text.replaceAll('\n', '\r\n')))).toEqual(comparable(await collectText(text)));
  });
});

describe('log_line_prefix', () => {
  /** Rewrites the workload's log, whose prefix has everything, to another prefix. */
  function rewrite(
    write: (parts: Record<'m' | 'u' | 'd' | 'c' | 'l' | 'v' | 'x' | 'a' | 'p' | 't', string>) => string,
  ): string {
    return textOf(example('shop', 'log'))
      .slice(0, 300_000)
      .replaceAll(
        /^([^\t|]*)\|(.*?)\|(.*?)\|(.*?)\|(\d+)\|(.*?)\|(\d+)\|(.*?)\|(?=[A-Z]+: {2})/gm,
        (_, m, u, d, c, l, v, x, a) =>
          write({ m, u, d, c, l, v, x, a, p: String(Number.parseInt(c.split('.')[1], 16)), t: m.replace(/\.\d+/, '') }),
      );
  }
  const original = textOf(example('shop', 'log')).slice(0, 300_000);
  const statements = async (text: string, prefix?: string) =>
    (await collectText(text, prefix === undefined ? {} : { logLinePrefix: prefix })).entries
      .map((entry) => entry.statement)
      .sort();

  test.each([
    ['%m [%p] ', (p) => `${p.m} [${p.p}] `],
    [
      '%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ',
      (p) => `${p.t} [${p.p}]: [${p.l}-1] user=${p.u},db=${p.d},app=${p.a},client=127.0.0.1 `,
    ],
    ['%m [%p] %q%u@%d ', (p) => `${p.m} [${p.p}] ${p.u}@${p.d} `],
    ['%t:%r:%u@%d:[%p]:', (p) => `${p.t}:127.0.0.1(5432):${p.u}@${p.d}:[${p.p}]:`],
    ['%m-%c-', (p) => `${p.m}-${p.c}-`],
  ] as [string, Parameters<typeof rewrite>[0]][])(
    '%s is recognised and gives the same statements',
    async (prefix, write) => {
      const text = rewrite(write);
      const log = await collectText(text);
      expect(log.scan.shape.prefix?.text).toBe(prefix);
      expect(log.entries.map((entry) => entry.statement).sort()).toEqual(await statements(original));
      expect(log.losses).toEqual(
        (await collectText(original)).losses.map((loss) => expect.objectContaining({ reason: loss.reason })),
      );
      expect(new Set(log.entries.map((entry) => entry.origin.database))).toEqual(new Set(['shop']));
    },
  );

  test('may pad, and hold any other text', async () => {
    const prefix = '<%%|%10u|%-12d> %c %m (%e) ';
    const text = rewrite((p) => `<%|${p.u.padStart(10)}|${p.d.padEnd(12)}> ${p.c} ${p.m} (00000) `);
    expect(await statements(text, prefix)).toEqual(await statements(original));
  });

  test('of pids gives the session ids that %c would give, when connections are logged', async () => {
    const ids = async (text: string) =>
      new Set((await collectText(text)).entries.map((entry) => entry.origin.sessionId));
    expect(await ids(rewrite((p) => `${p.m} [${p.p}] `))).toEqual(await ids(original));
  });

  test.each(['[%p] ', '%m ', '%m %u@%d '])(
    '%s is refused: no time, or nothing that tells sessions apart',
    async (prefix) => {
      expect(await code(() => new StderrPrefix(prefix))).toBe('PREFIX_UNUSABLE');
    },
  );

  test('that fits no line is refused with the line that was seen', async () => {
    await expect(collectText(original, { logLinePrefix: '%t <%p> ' })).rejects.toMatchObject({
      code: 'PREFIX_UNUSABLE',
      message: expect.stringContaining('2026-11-23 16:28:37.426 UTC|'),
    });
  });

  test('is looked for in any line in time that grows with its length', () => {
    const line = '2026-01-02 03:04:05.678 UTC';
    const prefixes = ['%m|%u|%d|%c|', '%m [%p] %u %d %a ', '%m [%p]: user=%u,db=%d,app=%a,client=%h '];
    for (const text of ['|', ' ', ',db=,app=,client=', '[local] ']) {
      for (const prefix of prefixes)
        expect(new StderrPrefix(prefix).match(`${line} [1]: user=${text.repeat(100_000)}`)).toBeNull();
      expect(new StderrPrefix('%m|%u|%d|%c|').match(`${line}${text.repeat(100_000)}`)).toBeNull();
    }
  }, 20_000);

  test('that is not a common one must be given', async () => {
    expect(await code(() => collectText(rewrite((p) => `${p.c} # ${p.m} # `)))).toBe('PREFIX_UNUSABLE');
  });

  test('all common prefixes can be used', () => {
    for (const prefix of COMMON_PREFIXES) expect(new StderrPrefix(prefix).text).toBe(prefix);
  });
});

describe('the stderr format', () => {
  const line = (session: string, severity: string, text: string, at = '000') =>
    `2026-01-01 10:00:00.${at} UTC [695645a0.${session}] ${severity}:  ${text}\n`;
  const prefix = { logLinePrefix: '%m [%c] ' };

  test('joins follow-up lines to their record where the lines of sessions interleave', async () => {
    const log = await collectText(
      line('1', 'LOG', 'execute <unnamed>: SELECT $1') +
        line('2', 'LOG', 'execute s: SELECT $1 +', '001') +
        '\t2\n' +
        line('1', 'DETAIL', "parameters: $1 = 'one'") +
        line('2', 'DETAIL', "parameters: $1 = 'two", '001') +
        "\tlines'\n" +
        line('1', 'LOG', 'duration: 1.000 ms', '002') +
        line('2', 'LOG', 'duration: 2.000 ms', '003'),
      prefix,
    );
    expect(log.entries.map((entry) => [entry.statement, entry.parameters[0], entry.durationMs])).toEqual([
      ['SELECT $1', { kind: 'text', value: 'one', oid: null }, 1],
      ['SELECT $1 +\n2', { kind: 'text', value: 'two\nlines', oid: null }, 2],
    ]);
  });

  test('reads continuation lines whose tabs a log shipper has eaten', async () => {
    const log = await collectText(
      `${line('1', 'LOG', 'statement: SELECT')}1,\n2\n${line('1', 'LOG', 'duration: 1.000 ms', '001')}`,
      prefix,
    );
    expect(log.entries.map((entry) => entry.statement)).toEqual(['SELECT\n1,\n2']);
  });

  test('reads a line of many megabytes in time that grows with its length', async () => {
    const text = `SELECT '${'x'.repeat(20_000_000)}'`;
    const { entries } = await collectText(
      `2026-01-02 03:04:05.678 UTC [6b060784.1092] LOG:  duration: 1.000 ms  statement: ${text}\n` +
        '2026-01-02 03:04:05.678 UTC [6b060001.11] LOG:  checkpoint starting: time\n',
      { logLinePrefix: '%m [%c] ' },
      8 * 1024,
    );
    expect(entries.map(({ statement }) => statement === text)).toEqual([true]);
  }, 20_000);

  test('does not take a stray line for a part of the statement before it', async () => {
    const log = await collectText(
      `${line('1', 'LOG', 'statement: SELECT 1')}noise\n${line('1', 'LOG', 'duration: 1.000 ms', '001')}`,
      prefix,
    );
    expect(log.entries.map((entry) => entry.statement)).toEqual(['SELECT 1']);
    expect(log.losses).toMatchObject([{ reason: 'UNPARSABLE_LINE', source: '-:2' }]);
  });

  test('with log_error_verbosity = verbose carries the SQLSTATE in the message', async () => {
    const log = await collectText(
      line('1', 'LOG', '00000: connection authorized: user=a database=b') +
        line('1', 'LOCATION', 'PerformAuthentication, postinit.c:292') +
        line('1', 'LOG', '00000: statement: SELECT 1', '001') +
        line('1', 'LOCATION', 'exec_simple_query, postgres.c:1042', '001') +
        line('1', 'LOG', '00000: duration: 0.123 ms', '002') +
        line('1', 'LOCATION', 'exec_simple_query, postgres.c:1304', '002') +
        line('1', 'LOG', '00000: execute <unnamed>: SELECT $1::int', '003') +
        line('1', 'DETAIL', "parameters: $1 = '7'", '003') +
        line('1', 'LOCATION', 'exec_execute_message, postgres.c:2119', '003') +
        line('1', 'LOG', '00000: duration: 0.456 ms', '004') +
        line('1', 'LOCATION', 'exec_execute_message, postgres.c:2235', '004') +
        line('1', 'LOG', '00000: statement: SELECT 1 / 0', '005') +
        line('1', 'LOCATION', 'exec_simple_query, postgres.c:1042', '005') +
        line('1', 'ERROR', '22012: division of something at character 8', '006') +
        line('1', 'LOCATION', 'int4div, int.c:846', '006') +
        line('1', 'STATEMENT', 'SELECT 1 / 0', '006') +
        line('1', 'LOG', '00000: statement: SELECT 2', '007') +
        line('1', 'LOCATION', 'exec_simple_query, postgres.c:1042', '007') +
        line('1', 'LOG', '00000: duration: 0.123 ms', '008').slice(0, -1),
      prefix,
    );
    expect(log.entries.map((entry) => [entry.statement, entry.durationMs, entry.outcome])).toEqual([
      ['SELECT 1', 0.123, { status: 'SUCCEEDED' }],
      ['SELECT $1::int', 0.456, { status: 'SUCCEEDED' }],
      ['SELECT 1 / 0', null, { status: 'FAILED', sqlstate: '22012', message: 'division of something' }],
      ['SELECT 2', 0.123, { status: 'SUCCEEDED' }],
    ]);
    expect(log.entries[0]?.origin).toMatchObject({ user: 'a', database: 'b' });
    expect(log.losses).toEqual([]);
  });

  test('says so where a message without %e does not tell the SQLSTATE', async () => {
    const log = await collectText(
      line('1', 'LOG', 'statement: SELECT odd()') +
        line('1', 'ERROR', 'something nobody ever heard of', '001') +
        line('1', 'STATEMENT', 'SELECT odd()', '001'),
      prefix,
    );
    expect(log.entries[0]?.outcome).toMatchObject({ sqlstate: '?????' });
    expect(lossCounts(log)).toEqual({ OUTCOME_UNKNOWN: 1 });
  });

  test('counts durations whose statements log_statement = mod leaves out, and none of a parse or bind', async () => {
    const duration = (session: string, at: string) => line(session, 'LOG', 'duration: 0.100 ms', at);
    const log = await collectText(
      duration('1', '000') +
        line('1', 'LOG', 'statement: INSERT INTO t VALUES (1)', '001') +
        duration('1', '002') +
        duration('1', '003') +
        duration('2', '003') +
        duration('2', '003') +
        line('2', 'LOG', 'execute <unnamed>: INSERT INTO t VALUES (1)', '004') +
        duration('2', '005') +
        line('2', 'LOG', 'disconnection: session time: 0:00:00.1 user=a database=b host=[local]', '006') +
        line('1', 'LOG', 'disconnection: session time: 0:00:00.1 user=a database=b host=[local]', '006'),
      prefix,
    );
    expect(log.entries).toHaveLength(2);
    expect(lossCounts(log)).toEqual({ STATEMENT_TEXT_MISSING: 2 });
  });

  test('counts durations of statements that are not logged beside those of parse and bind where %v tells them apart', async () => {
    const at = (n: number, vxid: string, severity: string, text: string) =>
      `2026-11-23 16:28:37.00${n} UTC|1.1|${vxid}|${severity}:  ${text}\n`;
    const log = await collectText(
      at(0, '3/7', 'LOG', 'duration: 0.100 ms') +
        at(1, '3/7', 'LOG', 'duration: 0.200 ms') +
        at(2, '3/7', 'LOG', 'execute <unnamed>: INSERT INTO t VALUES (1)') +
        at(3, '3/7', 'LOG', 'duration: 0.300 ms') +
        at(4, '3/0', 'LOG', 'duration: 0.400 ms') +
        at(5, '3/0', 'LOG', 'disconnection: session time: 0:00:00.1 user=a database=b host=[local]'),
      { logLinePrefix: '%m|%c|%v|' },
    );
    expect(log.entries).toHaveLength(1);
    const missing = log.losses.filter(({ reason }) => reason === 'STATEMENT_TEXT_MISSING');
    expect(missing.map(({ source }) => source)).toEqual(['-:5']);
  });

  test('does not give out a last statement that may be cut off', async () => {
    const log = await collectText(line('1', 'LOG', 'statement: SELECT 1 +').slice(0, -1), prefix);
    expect(log.entries).toEqual([]);
    expect(lossCounts(log)).toEqual({ UNPARSABLE_LINE: 1 });
    const whole = await collectText(line('1', 'LOG', 'statement: SELECT 1 +'), prefix);
    expect([whole.entries, whole.begun]).toEqual([[], []]);
    expect(lossCounts(whole)).toEqual({ TRUNCATED: 1 });
  });

  test('gives out no statement that the log breaks off in, wherever it does', async () => {
    const whole =
      line('1', 'LOG', 'statement: DELETE FROM t') +
      '\tWHERE id = 1\n' +
      line('1', 'LOG', 'duration: 1.000 ms', '001') +
      line('1', 'LOG', 'execute s: SELECT $1', '002') +
      line('1', 'DETAIL', "parameters: $1 = 'one'", '002') +
      line('1', 'LOG', 'duration: 1.000 ms', '003');
    const read = async (text: string) =>
      (await collectText(text, prefix)).entries.map((entry) => [entry.statement, entry.parameters.length]);
    const statements = [
      ['DELETE FROM t\nWHERE id = 1', 0],
      ['SELECT $1', 1],
    ];
    for (let end = whole.indexOf('DELETE'); end <= whole.length; end++)
      expect(statements).toEqual(expect.arrayContaining(await read(whole.slice(0, end))));
    expect(await read(whole)).toEqual(statements);
  });

  test('does not give out the beginning of a statement whose other lines have not been written yet', async () => {
    const started = line('1', 'LOG', 'statement: DELETE FROM t') + '\tWHERE id = 1\n';
    const ended = line('1', 'LOG', 'duration: 1.000 ms  statement: DELETE FROM t', '001');
    const failed = line('1', 'ERROR', 'deadlock detected', '001') + line('1', 'STATEMENT', 'DELETE FROM t', '001');
    const next = await collectText(started + line('1', 'LOG', 'statement: SELECT 1', '001'), prefix);
    expect(next.entries.map((entry) => entry.outcome.status)).toEqual(['SUCCEEDED']);
    for (const last of [ended, failed]) {
      const alone = await collectText(last, prefix);
      expect([alone.entries, alone.begun]).toEqual([[], []]);
      expect(lossCounts(alone)).toMatchObject({ TRUNCATED: 1 });
      const running = await collectText(started + last, prefix);
      expect(running.entries).toMatchObject([
        { statement: 'DELETE FROM t\nWHERE id = 1', outcome: { status: 'UNKNOWN' } },
      ]);
      const whole = await collectText(`${started}${last}\tWHERE id = 1\n`, prefix);
      expect(whole.entries.map((entry) => [entry.statement, entry.outcome.status])).toEqual([
        ['DELETE FROM t\nWHERE id = 1', last === ended ? 'SUCCEEDED' : 'FAILED'],
      ]);
      expect(whole.losses).toEqual([]);
    }
  });

  test('tells two sessions of one pid apart by their connection lines', async () => {
    const plain = (severity: string, text: string, second: number) =>
      `2026-01-01 10:00:0${second}.000 UTC [77] ${severity}:  ${text}\n`;
    const log = await collectText(
      plain('LOG', 'connection received: host=[local]', 1) +
        plain('LOG', 'connection authorized: user=a database=one application_name=my app', 1) +
        plain('LOG', 'statement: BEGIN', 1) +
        plain('LOG', 'duration: 0.100 ms', 1) +
        plain('LOG', 'connection received: host=[local]', 2) +
        plain(
          'LOG',
          'connection authorized: user=b database=two SSL enabled (protocol=TLSv1.3, cipher=X, bits=256)',
          2,
        ) +
        plain('LOG', 'statement: SELECT 1', 2) +
        plain('LOG', 'duration: 0.100 ms', 2),
      { logLinePrefix: '%m [%p] ' },
    );
    expect(log.entries.map((entry) => entry.origin)).toMatchObject([
      { user: 'a', database: 'one', application: 'my app' },
      { user: 'b', database: 'two', application: null },
    ]);
    expect(log.ended.map((end) => end.status)).toEqual(['ROLLED_BACK', 'COMMITTED']);
    expect(log.losses).toEqual([]);
  });

  test('takes the application from SET where the prefix has none, whatever stands behind it', async () => {
    const set = (name: string, behind: string) =>
      `2026-01-01 10:00:01.000 UTC [77] LOG:  duration: 0.1 ms  statement: SET application_name = '${name}'${behind}\n`;
    const spaces = ' '.repeat(1_000_000);
    const text = `${set("it''s", `;${spaces}`)}${set('other', `${spaces}/* not read */`)}${set('x'.repeat(12_000_000), '')}${set('last', '')}`;
    const { entries } = await collectText(text, { logLinePrefix: '%m [%p] ' });
    expect(entries.map(({ origin }) => origin.application)).toEqual([null, "it's", "it's"]);
  });
});

describe('a log in another language than English', () => {
  const head = '2026-11-29 17:45:26.262 UTC,"postgres","app",16008,"127.0.0.1:48772",6b0c64b6.3e88';
  const csv = (line: number, severity: string, sqlstate: string, message: string, query = '') =>
    `${head},${line},"SELECT",2026-11-29 17:45:26 UTC,3/4,0,${severity},${sqlstate},"${message}",,,,,,${query},,,"psql",` +
    '"client backend",,0\n';
  const said = 'the server does not log in English: set lc_messages = C there';

  test.each([
    ['German', 'LOG', 'FEHLER', 'Anweisung: select 1', 'Dauer: 0.526 ms', 'Division durch Null'],
    ['French', 'LOG', 'ERREUR', 'instruction : select 1', 'durée : 0.526 ms', 'division par zéro'],
    ['Russian', 'СООБЩЕНИЕ', 'ОШИБКА', 'оператор: select 1', 'продолжительность: 0.526 мс', 'деление на ноль'],
  ])('counts what it cannot read as lost: %s', async (_, log, error, statement, duration, failure) => {
    const { entries, losses } = await collectText(
      csv(1, log, '00000', statement) +
        csv(2, log, '00000', duration) +
        csv(3, error, '22012', failure, '"select 1/0"'),
    );
    expect(entries).toEqual([]);
    expect(losses.map((loss) => [loss.reason, loss.source, loss.detail])).toEqual([
      ['UNPARSABLE_LINE', '-:1', said],
      ['UNPARSABLE_LINE', '-:2', said],
      ['UNPARSABLE_LINE', '-:3', said],
    ]);
  });

  test.each([
    ['Russian', 'СООБЩЕНИЕ:  оператор: select 1'],
    ['Swedish', 'LOGG:  sats: select 1'],
    ['Chinese', '日志:  语句: select 1'],
  ])('is named as the reason where no prefix fits: %s', async (_, message) => {
    const line = `2026-11-29 17:45:26.262 UTC [16008] ${message}\n`;
    for (const logLinePrefix of [null, '%m [%p] ']) {
      await expect(collectText(line, { logLinePrefix })).rejects.toMatchObject({
        code: 'PREFIX_UNUSABLE',
        message: expect.stringContaining(said),
      });
    }
    const english = `2026-11-29 17:45:26.262 UTC <> 16008 <> LOG:  statement: select 1 as "naïve:  "\n`;
    await expect(collectText(english)).rejects.not.toMatchObject({ message: expect.stringContaining(said) });
  });

  test('counts the lines of a prefix that says LOG in every language', async () => {
    const at = '2026-11-29 17:45:26.262 UTC [16008] LOG:  ';
    const log = await collectText(`${at}文: select 1\n${at}期間: 0.526 ミリ秒\n`, { logLinePrefix: '%m [%p] ' });
    expect(lossCounts(log)).toEqual({ UNPARSABLE_LINE: 2 });
  });
});

describe('recognising a log', () => {
  test.each(['', 'hello\nworld\n', '<html>\n', '{"a":1}\n'])('refuses %j', async (text) => {
    expect(await code(() => collectText(text))).toBe('FORMAT_UNKNOWN');
  });

  test('tells the three formats apart', () => {
    for (const [extension, format] of [
      ['csv', 'csv'],
      ['json', 'json'],
      ['log', 'stderr'],
    ] as const) {
      expect(recogniseLog(textOf(example('pgbench', extension)).slice(0, 65536), null, null).format).toBe(format);
    }
  });
});

describe('time zones', () => {
  const at = (second: string, zone: string, logTimezone: string | null = null) =>
    formatMicros(new LogClock(logTimezone).micros(second, '123', zone));

  test('of abbreviations that mean one thing, and of offsets, are known', () => {
    expect(at('2026-07-01 12:00:00', 'CEST')).toBe('2026-07-01T10:00:00.123000Z');
    expect(at('2026-07-01 12:00:00', 'EDT')).toBe('2026-07-01T16:00:00.123000Z');
    expect(at('2026-07-01 12:00:00', '+0530')).toBe('2026-07-01T06:30:00.123000Z');
    expect(at('2026-07-01 12:00:00', '-03')).toBe('2026-07-01T15:00:00.123000Z');
  });

  test('that are odd once are damage, and refused when they come again', () => {
    const clock = new LogClock(null);
    clock.micros('2026-03-29 00:59:59', '', 'GMT');
    expect(clock.micros('2026-03-29 02:00:00', '', 'BST')).toBeNaN();
    expect(clock.micros('2026-03-29 00:59:59', '', 'GMT')).toBe(Date.UTC(2026, 2, 29, 0, 59, 59) * 1000);
    expect(() => clock.micros('2026-03-29 02:00:00', '', 'BST')).toThrow('could be any of several');
  });

  test('that could be several are refused until log_timezone is given', async () => {
    expect(await code(() => at('2026-01-01 12:00:00', 'CST'))).toBe('BAD_INPUT');
    expect(at('2026-01-01 12:00:00', 'CST', 'America/Chicago')).toBe('2026-01-01T18:00:00.123000Z');
    expect(at('2026-01-01 12:00:00', 'CST', 'Asia/Shanghai')).toBe('2026-01-01T04:00:00.123000Z');
    expect(await code(() => at('2026-01-01 12:00:00', 'CST', 'Nowhere/Else'))).toBe('BAD_INPUT');
  });

  test('in the hour that autumn repeats go by the abbreviation', () => {
    expect(at('2026-11-01 01:30:00', 'CDT', 'America/Chicago')).toBe('2026-11-01T06:30:00.123000Z');
    expect(at('2026-11-01 01:30:00', 'CST', 'America/Chicago')).toBe('2026-11-01T07:30:00.123000Z');
  });

  test.each([
    ['2026-10-25 01:30:00', 'IDT', 'Asia/Jerusalem', '2026-10-24T22:30'],
    ['2026-10-25 01:30:00', 'IST', 'Asia/Jerusalem', '2026-10-24T23:30'],
    ['2026-10-25 01:30:00', 'IST', 'Europe/Dublin', '2026-10-25T00:30'],
    ['2026-10-25 01:30:00', 'GMT', 'Europe/Dublin', '2026-10-25T01:30'],
    ['2026-11-01 00:30:00', 'CDT', 'America/Havana', '2026-11-01T04:30'],
    ['2026-11-01 00:30:00', 'CST', 'America/Havana', '2026-11-01T05:30'],
    ['2026-11-01 01:30:00', 'ADT', 'America/Halifax', '2026-11-01T04:30'],
    ['2026-11-01 01:30:00', 'AST', 'America/Halifax', '2026-11-01T05:30'],
    ['2026-07-01 12:00:00', 'CDT', 'America/Havana', '2026-07-01T16:00'],
    ['2026-07-01 12:00:00', 'PST', 'Asia/Manila', '2026-07-01T04:00'],
  ])('%s %s of log_timezone %s is %s', (second, zone, logTimezone, utc) => {
    expect(at(second, zone, logTimezone)).toBe(`${utc}:00.123000Z`);
  });

  test('other than log_timezone, before the server has read its settings or in an older part of the log, are taken as they are', () => {
    expect(at('2026-07-01 12:00:00', 'GMT', 'America/Havana')).toBe('2026-07-01T12:00:00.123000Z');
    expect(at('2026-07-01 12:00:00', 'CEST', 'America/Havana')).toBe('2026-07-01T10:00:00.123000Z');
    expect(at('2026-07-01 12:00:00', '-03', 'America/Havana')).toBe('2026-07-01T15:00:00.123000Z');
  });

  test('refuse a day that does not exist', () => {
    expect(new LogClock(null).micros('2026-02-30 00:00:00', '', 'UTC')).toBeNaN();
  });
});

// As PostgreSQL 15 raised them.
describe('the SQLSTATE of a message', () => {
  test.each([
    ['22007', 'invalid input syntax for type timestamp with time zone: "x"'],
    ['22007', 'invalid input syntax for type interval: "1 foo"'],
    ['22P02', 'invalid input syntax for type integer: "a"'],
    ['42P01', 'view "nosuch" does not exist'],
    ['42P01', 'sequence "nosuch" does not exist'],
    ['42P01', 'invalid reference to FROM-clause entry for table "e1"'],
    ['42704', 'index "nosuch" does not exist'],
    ['42704', 'prepared transaction with identifier "none" does not exist'],
    ['3D000', 'template database "nosuch" does not exist'],
    ['42883', 'operator does not exist: integer = text'],
    ['42883', 'function nosuch(integer) does not exist'],
    ['42846', 'cannot cast type bytea to integer'],
    ['42701', 'column "b" specified more than once'],
    ['42601', 'each UNION query must have the same number of columns'],
    ['42601', 'VALUES lists must all be the same length'],
    ['42803', 'aggregate function calls cannot be nested'],
    ['428C9', 'cannot insert a non-DEFAULT value into column "a"'],
    ['42804', 'column "a" cannot be cast automatically to type date'],
    ['2201B', 'invalid regular expression: brackets [] not balanced'],
    ['2201E', 'cannot take logarithm of zero'],
    ['2201F', 'cannot take square root of a negative number'],
    ['2201W', 'LIMIT must not be negative'],
    ['22008', 'timestamp out of range'],
    ['22008', 'date out of range for timestamp'],
    ['22003', 'bigint out of range'],
    ['40001', 'canceling statement due to conflict with recovery'],
    ['57014', 'canceling statement due to user request'],
    ['57P01', 'terminating connection due to immediate shutdown command'],
    ['54001', 'stack depth limit exceeded'],
    ['P0002', 'query returned no rows'],
    ['?????', 'custom'],
  ])('%s: %s', (sqlstate, message) => {
    expect(sqlstateOf(message)).toBe(sqlstate);
  });
});

describe('parameters', () => {
  const read = (line: string) => readParameters(line, new LongestValue());

  test('are read in both spellings, with quotes, line ends and NULL', () => {
    const values = [
      { kind: 'text', value: "it's, $2 = 'x'\n", oid: null },
      { kind: 'null' },
      { kind: 'text', value: '', oid: null },
    ];
    for (const word of ['parameters', 'Parameters', 'unnamed portal with parameters']) {
      expect(read(`${word}: $1 = 'it''s, $2 = ''x''\n', $2 = NULL, $3 = ''`)).toEqual({ values, truncated: false });
    }
  });

  test('that were cut are marked, unless a longer value proves that they were not', () => {
    expect(read("parameters: $1 = 'abc...'")?.truncated).toBe(true);
    expect(read("parameters: $1 = 'abc...', $2 = 'abcd'")?.truncated).toBe(false);
    expect(read("parameters: $1 = 'abc")?.truncated).toBe(true);
    expect(read("parameters: $1 = 'abc', $3 = 'd'")?.truncated).toBe(true);
  });
});

describe('the name of a prepared statement', () => {
  test.each([
    ['<unnamed>: SELECT 1: 2', null, 'SELECT 1: 2'],
    ['<unnamed>/C_3: SELECT 1', null, 'SELECT 1'],
    ['s: WITH x AS (SELECT 1) SELECT 2', 's', 'WITH x AS (SELECT 1) SELECT 2'],
    ['a: b: /* c: d */ select 1', 'a: b', '/* c: d */ select 1'],
    ['new order/v1: insert: INSERT INTO t VALUES (1)', 'new order/v1: insert', 'INSERT INTO t VALUES (1)'],
    ['x: (SELECT 1)', 'x', '(SELECT 1)'],
    ['no statement: at all', 'no statement', 'at all'],
  ])('%s', (joined, name, text) => {
    expect(splitNamedText(joined, null, null)).toMatchObject({ name, text });
  });

  test('goes by the command tag where the log has one, and by names seen before', () => {
    const joined = 'load: select all: INSERT INTO t SELECT 1';
    expect(splitNamedText(joined, 'INSERT', null)).toMatchObject({ name: 'load: select all' });
    expect(splitNamedText(joined, null, new Set(['load: select all']))).toMatchObject({ name: 'load: select all' });
  });

  test('is remembered of so many as a client may use, not of all that it makes up', () => {
    const session = new Session('1.1', 1);
    for (let number = 0; number < 5_000; number++) session.rememberName(`load: ${number}`);
    expect(session.names.size).toBe(1_000);
    const remembers = (number: number) => splitNamedText(`load: ${number}: no word`, null, session.names).name;
    expect([remembers(3_999), remembers(4_000), remembers(4_999)]).toEqual(['load', 'load: 4000', 'load: 4999']);
  });

  test('is found where no word follows many comments', () => {
    const text = `${'/* of: a list */ '.repeat(40)}1`;
    expect(splitNamedText(`s: ${text}`, null, null)).toMatchObject({ name: 's', text });
  });
});
