/** What a LOG message says about a statement. */
export type StatementMessage =
  | { readonly kind: 'DURATION'; readonly durationMs: number }
  | {
      readonly kind: 'STATEMENT' | 'EXECUTE' | 'FETCH' | 'PARSE' | 'BIND' | 'FASTPATH';
      /** Milliseconds on a line that ends the statement; null on one that starts it. */
      readonly durationMs: number | null;
      /** `name: text`, still joined, for EXECUTE; otherwise the statement. */
      readonly text: string;
    };

/**
 * Recognises the lines of `log_statement`, `log_duration` and `log_min_duration_statement`; null for every other
 * message of the server.
 */
export function readMessage(message: string): StatementMessage | null {
  switch (message.charCodeAt(0)) {
    case 101: // e, f, s
    case 102:
    case 115:
      return statementMessage(message, 0, null);
    case 100: {
      // d
      if (!message.startsWith('duration: ')) return null;
      const unit = message.indexOf(' ms', 10);
      if (unit < 0 || unit > 40) return null;
      const durationMs = Number(message.slice(10, unit));
      if (Number.isNaN(durationMs)) return null;
      if (message.length === unit + 3) return { kind: 'DURATION', durationMs };
      return message.startsWith('  ', unit + 3) ? statementMessage(message, unit + 5, durationMs) : null;
    }
    default:
      return null;
  }
}

function statementMessage(message: string, at: number, durationMs: number | null): StatementMessage | null {
  const text = (length: number) => message.slice(at + length);
  if (message.startsWith('statement: ', at)) return { kind: 'STATEMENT', durationMs, text: text(11) };
  if (message.startsWith('execute fetch from ', at)) return { kind: 'FETCH', durationMs, text: text(19) };
  if (message.startsWith('execute ', at)) return { kind: 'EXECUTE', durationMs, text: text(8) };
  if (message.startsWith('fastpath function call: ', at))
    return { kind: 'FASTPATH', durationMs, text: message.slice(at) };
  if (durationMs === null) return null;
  if (message.startsWith('parse ', at)) return { kind: 'PARSE', durationMs, text: text(6) };
  if (message.startsWith('bind ', at)) return { kind: 'BIND', durationMs, text: text(5) };
  return null;
}

/** How statement, execute and duration lines begin in the languages of the server's catalogs. */
const TRANSLATED = new RegExp(
  `^(?:${[
    'Anweisung|Ausführen|Dauer', // German
    'příkaz|spuštění|trvání', // Czech
    'sentencia|ejecutar|duración', // Spanish
    'instruction|exécute|durée', // French
    'istruzione|esecuzione di|durata', // Italian
    '文|実行|期間', // Japanese
    'ოპერატორი|გაშვება|ხანგრძლივობა', // Georgian
    '명령 구문|쿼리실행|실행시간|수행시간', // Korean
    'wyrażenie|wykonanie|czas trwania', // Polish
    'comando|executar|duração', // Brazilian Portuguese
    'оператор|выполнение|продолжительность', // Russian
    'sats|kör|varaktighet', // Swedish
    'ifade|çalıştır|süre', // Turkish
    'оператор|виконувати|тривалість', // Ukrainian
    '语句|执行|耗时', // Chinese
    '陳述式|執行|持續時間',
  ].join('|')})(?: ?:)? `,
);
const SEVERITIES: ReadonlySet<string> = new Set(
  'DEBUG DEBUG1 DEBUG2 DEBUG3 DEBUG4 DEBUG5 LOG INFO NOTICE WARNING ERROR FATAL PANIC'.split(' '),
);

/** Whether a record is of a server that does not log in English: such a one says nothing of what it did. */
export function isTranslated(severity: string, message: string): boolean {
  return severity === 'LOG' ? TRANSLATED.test(message) : !SEVERITIES.has(severity);
}

/** What to do about them. */
export const NOT_ENGLISH = 'the server does not log in English: set lc_messages = C there';

const REPLICATION_COMMAND =
  /^\s*(?:IDENTIFY_SYSTEM|TIMELINE_HISTORY|BASE_BACKUP|UPLOAD_MANIFEST|START_REPLICATION|[A-Z]+_REPLICATION_SLOT)\b/i;

/** Whether a walsender was told something that is no SQL. */
export function isReplicationCommand(statement: string): boolean {
  return REPLICATION_COMMAND.test(statement);
}

const UNNAMED = '<unnamed>';
/** NAMEDATALEN bounds a statement's name to 63 bytes; the portal's behind it is as short in practice. */
const LONGEST_NAME = 130;

/** Words that a statement may begin with, and the command tags that differ from their first word. */
const FIRST_WORDS = new Set(
  `SELECT INSERT UPDATE DELETE MERGE WITH VALUES TABLE CREATE ALTER DROP TRUNCATE COMMENT GRANT REVOKE BEGIN START COMMIT END
  ROLLBACK ABORT SAVEPOINT RELEASE PREPARE EXECUTE DEALLOCATE SET RESET SHOW DISCARD DECLARE FETCH MOVE CLOSE COPY CALL DO
  EXPLAIN LISTEN NOTIFY UNLISTEN LOCK ANALYZE ANALYSE VACUUM CLUSTER REINDEX CHECKPOINT REFRESH IMPORT SECURITY REASSIGN
  LOAD REPACK`.split(/\s+/),
);
/**
 * Spaces, comments and parentheses before the first word, which must not go on as a name would. A comment has one end to be
 * found by: a run of them that no word follows would else be cut in every possible way.
 */
const FIRST_WORD = /^(?:[\s(;]|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*([A-Za-z]+)(?=[\s(;"'*$/-]|$)/;

/** The text behind `execute name: `, taken apart. */
export interface NamedText {
  /** Null for the unnamed statement. */
  readonly name: string | null;
  readonly text: string;
  /** True when the name holds `: ` itself, so that it was not certain where it ends. */
  readonly ambiguous: boolean;
}

/**
 * Parts `name: text` of an `execute` line. A name may hold `: ` itself, so a cut counts only where a statement
 * begins behind it; the command tag decides where the log has one, and a name once found (`remembered`) is found again.
 * A portal's name stays with the statement's (`S_1/C_2`): the log does not tell them apart.
 */
export function splitNamedText(joined: string, tag: string | null, remembered: ReadonlySet<string> | null): NamedText {
  if (joined.startsWith(UNNAMED)) {
    const cut = joined.indexOf(': ', UNNAMED.length);
    if (cut >= 0) return { name: null, text: joined.slice(cut + 2), ambiguous: false };
  }
  const first = joined.indexOf(': ');
  if (first < 0) return { name: null, text: joined, ambiguous: false };
  if (remembered) {
    for (
      let cut = joined.indexOf(': ', first + 2);
      cut >= 0 && cut <= LONGEST_NAME;
      cut = joined.indexOf(': ', cut + 1)
    ) {
      const name = joined.slice(0, cut);
      if (remembered.has(name)) return { name, text: joined.slice(cut + 2), ambiguous: true };
    }
  }
  let fallback = first;
  let found = false;
  for (let cut = first; cut >= 0 && cut <= LONGEST_NAME; cut = joined.indexOf(': ', cut + 1)) {
    const word = FIRST_WORD.exec(joined.slice(cut + 2, cut + 1026))?.[1]?.toUpperCase();
    if (word === undefined || !FIRST_WORDS.has(word)) continue;
    if (tag === null || tagFits(tag, word)) {
      fallback = cut;
      break;
    }
    if (!found) fallback = cut;
    found = true;
  }
  return { name: joined.slice(0, fallback), text: joined.slice(fallback + 2), ambiguous: fallback !== first };
}

/** Whether a statement that begins with this word may have this command tag. */
function tagFits(tag: string, word: string): boolean {
  const command = tag.split(' ', 1)[0] as string;
  if (command === word) return true;
  switch (word) {
    case 'WITH':
    case 'TABLE':
    case 'VALUES':
      return /^(?:SELECT|INSERT|UPDATE|DELETE|MERGE)$/.test(command);
    case 'END':
      return command === 'COMMIT' || command === 'ROLLBACK';
    case 'ABORT':
      return command === 'ROLLBACK';
    case 'START':
      return command === 'BEGIN' || command === 'START';
    case 'ANALYSE':
      return command === 'ANALYZE';
    case 'CREATE':
      return command === 'SELECT';
    default:
      // Not a command's tag at all (idle, BIND, authentication): it says nothing.
      return !FIRST_WORDS.has(command);
  }
}

/** `user=… database=… application_name=… SSL …` of a `connection authorized` line. */
export interface Authorized {
  readonly user: string | null;
  readonly database: string | null;
  readonly application: string | null;
}

const AUTHORIZED =
  /^(?:replication )?connection authorized: user=(.*?)(?: database=(.*?))?(?: application_name=(.*?))?(?: (?:SSL|GSS) (?:enabled )?\(.*)?$/;

/** Reads a `connection authorized` line; null for any other. */
export function readAuthorized(message: string): Authorized | null {
  const match = AUTHORIZED.exec(message);
  if (!match) return null;
  return { user: match[1] || null, database: match[2] ?? null, application: match[3] ?? null };
}
