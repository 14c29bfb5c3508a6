import type { Entry } from '../journal/entry.ts';
import { literalText, splitStatements, TOKEN, Tokenizer } from '../journal/sql-tokens.ts';
import type { Value } from '../journal/value.ts';
import type { SkipReason } from './event.ts';
import type { ReplayRequest } from './request.ts';

/** Why an entry must not be sent to the target, whatever its transaction does; null when it may be. */
export function refusalOf(
  entry: Pick<Entry, 'unreplayable' | 'statement' | 'parameters'>,
  request: Pick<ReplayRequest, 'readOnly'>,
): SkipReason | null {
  if (entry.unreplayable !== null) return entry.unreplayable;
  if (!request.readOnly) return null;
  return makesWritable(entry.statement) || entry.parameters.some(holdsWritable) ? 'READ_ONLY' : null;
}

/** What a walk sends itself to begin a transaction whose BEGIN it does not replay: under `readOnly` without modes that let it write. */
export function ownBegin(begin: string, { readOnly }: Pick<ReplayRequest, 'readOnly'>): string {
  if (!readOnly || !makesWritable(begin)) return begin;
  // Savepoints may stand behind it.
  return ['BEGIN', ...splitStatements(begin).slice(1)].join('; ');
}

/** What any text holds that `makesWritable` finds: one of its words, or an escape that may spell one. */
const SUSPICIOUS = /read|only|\\|u&/i;
const SETTING = /transaction_read_only/i;
/** ASCII as `U&` and `E` strings can write it: `\005f`, `\+00005f`, `\x5f`, `\u005f`, `\U0000005f`, `\137`. */
const ESCAPES = /\\(?:\+0000|u?00|U000000|x)([2-7][0-9a-f])|\\([01][0-7]{2})/gi;
/** The same where `UESCAPE` may name another character. */
const OTHER_ESCAPES = /[^0-9a-f+'"\s](?:\+0000|00)([2-7][0-9a-f])/gi;
/** Strings in strings that are looked into. */
const DEEPEST = 8;

/**
 * Ways by which a text makes its read-only session writable again. The server enforces read-only sessions, but lets
 * their owner change them; so that it does not come to that, such statements are not sent. Strings are looked into
 * as if they were statements, and a name may be put together of parts: a text that only holds the words is refused
 * too, which is the safe side.
 */
function makesWritable(text: string, depth = 0): boolean {
  if (!SUSPICIOUS.test(text)) return false;
  const tokens = new Tokenizer(text);
  let letters = '';
  let previous = '';
  while (tokens.advance() !== TOKEN.END) {
    const { value } = tokens;
    const word = tokens.kind === TOKEN.WORD ? value.toLowerCase() : '';
    if (previous === 'read' && word === 'write') return true;
    previous = word;
    const spelled = spelledOut(value, text);
    letters += spelled.replace(/[^a-z_]+/gi, '');
    if (tokens.kind === TOKEN.STRING && depth < DEEPEST && makesWritable(literalText(spelled), depth + 1)) return true;
  }
  return SETTING.test(letters);
}

function spelledOut(token: string, text: string): string {
  const replace = (_: string, hex?: string, octal?: string) =>
    String.fromCharCode(hex === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(hex, 16));
  const plain = token.includes('\\') ? token.replace(ESCAPES, replace) : token;
  return /^u&/i.test(token) && /uescape/i.test(text) ? plain.replace(OTHER_ESCAPES, replace) : plain;
}

function holdsWritable(value: Value): boolean {
  if (value.kind === 'array') return value.items.some(holdsWritable);
  return value.kind === 'text' && makesWritable(value.value);
}
