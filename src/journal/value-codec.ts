import type { Value } from './value.ts';

/** The stored form of a value: text whose type is unknown is the plain string, everything else says what it is. */
type Stored =
  | null
  | string
  | { readonly text: string; readonly oid: number }
  | { readonly bool: boolean }
  | { readonly int64: string }
  | { readonly float64: number | string }
  | { readonly bytes: string }
  | { readonly array: readonly Stored[] };

const NO_PARAMETERS = '[]';

/** Compact JSON for storage: `["a",null,{"int64":"7"},{"text":"x","oid":25}]`. `decodeParameters` gives back the same values. */
export function encodeParameters(values: readonly Value[]): string {
  return values.length === 0 ? NO_PARAMETERS : JSON.stringify(values.map(store));
}

function store(value: Value): Stored {
  switch (value.kind) {
    case 'null':
      return null;
    case 'bool':
      return { bool: value.value };
    case 'int64':
      return { int64: value.value.toString() };
    case 'float64':
      return { float64: storeFloat(value.value) };
    case 'text':
      return value.oid === null ? value.value : { text: value.value, oid: value.oid };
    case 'bytes':
      return { bytes: bufferOf(value.value).toString('base64') };
    case 'array':
      return { array: value.items.map(store) };
  }
}

/** JSON knows neither NaN nor the infinities nor the sign of zero. */
function storeFloat(value: number): number | string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

/**
 * Reads what `encodeParameters` wrote.
 * @throws Error when it is something else: the store is damaged. The message holds no value.
 */
export function decodeParameters(json: string): Value[] {
  return decodePlain(json) ?? decode(json);
}

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const CLOSING = 93;

/** To go through longer texts character by character takes longer than `JSON.parse`. */
const PLAIN_LENGTH = 64;

/** A short list of strings without escapes, which most are, at a fraction of what `JSON.parse` costs; null where it is more. */
function decodePlain(json: string): Value[] | null {
  if (json === NO_PARAMETERS) return [];
  if (json.length > PLAIN_LENGTH || json[0] !== '[') return null;
  const values: Value[] = [];
  let at = 1;
  for (;;) {
    if (json.charCodeAt(at) !== QUOTE) return null;
    const start = at + 1;
    let end = start;
    for (; ; end += 1) {
      const code = json.charCodeAt(end);
      if (code === QUOTE) break;
      // Control characters are no JSON. The end of the text gives NaN.
      if (code === BACKSLASH || !(code >= 32)) return null;
    }
    values.push({ kind: 'text', value: json.slice(start, end), oid: null });
    const next = json.charCodeAt(end + 1);
    if (next === CLOSING) return end + 2 === json.length ? values : null;
    if (next !== COMMA) return null;
    at = end + 2;
  }
}

function decode(json: string): Value[] {
  let stored: unknown;
  try {
    stored = JSON.parse(json);
  } catch {
    throw damaged('not JSON');
  }
  if (!Array.isArray(stored)) throw damaged('not a list');
  return stored.map(load);
}

function damaged(what: string): Error {
  return new Error(`stored parameters are damaged: ${what}`);
}

function load(stored: unknown): Value {
  if (stored === null) return { kind: 'null' };
  if (typeof stored === 'string') return { kind: 'text', value: stored, oid: null };
  if (typeof stored !== 'object') throw damaged(`a bare ${typeof stored}`);
  const { text, oid, bool, int64, float64, bytes, array } = stored as Record<string, unknown>;
  if (typeof text === 'string' && typeof oid === 'number') return { kind: 'text', value: text, oid };
  if (typeof bool === 'boolean') return { kind: 'bool', value: bool };
  if (typeof int64 === 'string' && /^-?\d+$/.test(int64)) return { kind: 'int64', value: BigInt(int64) };
  if (typeof float64 === 'number') return { kind: 'float64', value: float64 };
  if (typeof float64 === 'string' && /^(?:NaN|-?Infinity|-0)$/.test(float64)) {
    return { kind: 'float64', value: Number(float64) };
  }
  // A plain Uint8Array: a Buffer would not compare equal to what was encoded.
  if (typeof bytes === 'string') return { kind: 'bytes', value: new Uint8Array(Buffer.from(bytes, 'base64')) };
  if (Array.isArray(array)) return { kind: 'array', items: array.map(load) };
  throw damaged(`a value with the keys ${Object.keys(stored).join(', ')}`);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A Bind parameter in text format. */
export interface WireValue {
  readonly text: string;
}

/**
 * How a value is sent as a protocol parameter; null is the SQL NULL.
 * Always text format, bytes included (`\x…`): where the server infers text for a parameter, binary bytes fail
 * on the encoding while text never does, an array needs the text form anyway, and one format serves a whole
 * Bind. The price is twice the size of a `bytea`.
 */
export function valueToWire(value: Value): WireValue | null {
  return value.kind === 'null' ? null : { text: textOf(value) };
}

function textOf(value: Exclude<Value, { kind: 'null' }>): string {
  switch (value.kind) {
    case 'bool':
      return value.value ? 'true' : 'false';
    case 'int64':
      return value.value.toString();
    case 'float64':
      return Object.is(value.value, -0) ? '-0' : String(value.value);
    case 'text':
      return value.value;
    case 'bytes':
      return `\\x${bufferOf(value.value).toString('hex')}`;
    case 'array':
      // The server takes no empty sub-array: an array without any element has no dimensions.
      return hasElement(value.items) ? arrayLiteral(value.items) : '{}';
  }
}

function hasElement(items: readonly Value[]): boolean {
  return items.some((item) => item.kind !== 'array' || hasElement(item.items));
}

function arrayLiteral(items: readonly Value[]): string {
  return `{${items.map(arrayElement).join(',')}}`;
}

function arrayElement(item: Value): string {
  switch (item.kind) {
    case 'null':
      return 'NULL';
    case 'array':
      return arrayLiteral(item.items);
    case 'text':
    case 'bytes':
      return `"${textOf(item).replace(/["\\]/g, '\\$&')}"`;
    default:
      return textOf(item);
  }
}

/** The type to declare for a parameter in Parse: what was recorded with a text, otherwise 0 (the server infers). */
export function valueOid(value: Value): number {
  return value.kind === 'text' ? (value.oid ?? 0) : 0;
}
