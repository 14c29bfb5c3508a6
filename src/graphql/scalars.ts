import { GraphQLError, Kind, type ValueNode } from 'graphql';
import { RepriseError } from '../errors.ts';
import { formatMicros, parseMicros } from '../journal/window.ts';
import { builder } from './builder.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UUID_FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** What graphql-js passes on as it is: its own wrapping would hide the code. */
function refuse(message: string, nodes: ValueNode | null = null): GraphQLError {
  return new GraphQLError(message, { nodes, extensions: { code: 'BAD_INPUT' } });
}

/** What is read of a literal; a refusal says where in the document it stands, which nobody else adds. */
function at<T>(node: ValueNode, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    throw new GraphQLError(error.message, { nodes: node, extensions: error.extensions });
  }
}

/** A literal of the document as the JSON value that a variable would hold; int literals as bigint. */
function literal(node: ValueNode): unknown {
  switch (node.kind) {
    case Kind.STRING:
      return node.value;
    case Kind.INT:
      return BigInt(node.value);
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.BOOLEAN:
      return node.value;
    default:
      return undefined;
  }
}

function scalar<Name extends 'Timestamp' | 'BigInt' | 'SafeInt' | 'Float64' | 'Oid' | 'UUID' | 'Cursor' | 'Base64', In>(
  name: Name,
  description: string,
  parse: (value: unknown) => In,
  serialize: (value: In) => unknown,
  specifiedByURL?: string,
) {
  builder.scalarType(name, {
    description,
    ...(specifiedByURL === undefined ? {} : { specifiedByURL }),
    serialize: serialize as never,
    parseValue: parse as never,
    parseLiteral: ((node: ValueNode) => at(node, () => parse(literal(node)))) as never,
  });
}

scalar(
  'Timestamp',
  'A point in time: RFC 3339 in UTC with always six fractional digits, `2026-11-23T16:28:37.426000Z`. ' +
    'As input any zone is taken and fractions finer than a microsecond are cut; a zone is required.',
  (value) => {
    if (typeof value !== 'string') throw refuse('Timestamp must be a string like "2026-11-23T16:28:37.426Z"');
    try {
      return parseMicros(value);
    } catch (error) {
      throw error instanceof RepriseError ? refuse(error.message) : error;
    }
  },
  formatMicros,
  'https://datatracker.ietf.org/doc/html/rfc3339',
);

scalar(
  'BigInt',
  'A signed 64-bit integer, always a string in responses (`"9007199254740993"`), so that no digit is lost. ' +
    'As input a string or an integer.',
  (value) => {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw refuse('BigInt as a JSON number loses digits beyond 2^53: send it as a string');
    }
    if (typeof value === 'string' ? !/^[+-]?\d{1,20}$/.test(value) : !['number', 'bigint'].includes(typeof value)) {
      throw refuse('BigInt must be an integer, or a string of digits');
    }
    const number = BigInt(value as string | number | bigint);
    if (number < INT64_MIN || number > INT64_MAX) throw refuse('BigInt must fit into 64 bits, signed');
    return number;
  },
  String,
);

function integer(name: string, low: number, high: number): (value: unknown) => number {
  return (value) => {
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < low || number > high) {
      throw refuse(`${name} must be a whole number from ${low} to ${high}`);
    }
    return number;
  };
}

const safeInt = integer('SafeInt', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
scalar(
  'SafeInt',
  'A whole number up to 2^53 − 1, a number in JSON: counts and numbers of events, which may pass the 2^31 of `Int`.',
  safeInt,
  safeInt,
);

const oid = integer('Oid', 0, 4_294_967_295);
scalar('Oid', 'A PostgreSQL object identifier, here of a type: a number from 0 to 4294967295.', oid, oid);

scalar(
  'Float64',
  'A double: a JSON number, or one of the strings `NaN`, `Infinity`, `-Infinity`, `-0`, which JSON numbers cannot say.',
  (value) => {
    if (typeof value === 'number') return value;
    if (typeof value === 'bigint') return Number(value);
    if (value === 'NaN' || value === 'Infinity' || value === '-Infinity' || value === '-0') return Number(value);
    throw refuse('Float64 must be a number, or "NaN", "Infinity", "-Infinity" or "-0"');
  },
  (value) => (Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value)),
);

scalar(
  'UUID',
  'A UUID in its usual form of 36 characters; lower case in responses.',
  (value) => {
    if (typeof value !== 'string' || !UUID_FORM.test(value)) {
      throw refuse('UUID must look like "1f6b8f0e-6c1c-4d7e-9d5a-2a5f0e3c7b11"');
    }
    return value.toLowerCase();
  },
  String,
  'https://datatracker.ietf.org/doc/html/rfc9562',
);

scalar(
  'Cursor',
  'A place in a list or a stream. Opaque: take it from a response and give it back to the same field.',
  (value) => {
    if (typeof value !== 'string') throw refuse('Cursor must be a string from an earlier response');
    return value;
  },
  String,
);

scalar(
  'Base64',
  'Bytes in base64 (RFC 4648, section 4).',
  (value): Uint8Array => {
    const form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
    if (typeof value !== 'string' || !form.test(value)) throw refuse('Base64 must be a string of base64, padded');
    return Buffer.from(value, 'base64');
  },
  (value) => Buffer.from(value).toString('base64'),
);

// No message of this one repeats the value, as the messages of String do.
builder.scalarType('Secret', {
  description: 'A password. Input only: it is in no response, error, log line or stored row.',
  serialize: () => {
    throw new Error('a Secret is never given out');
  },
  parseValue: (value) => {
    if (typeof value !== 'string') throw refuse('Secret must be a string');
    return value;
  },
  parseLiteral: (node) => {
    if (node.kind !== Kind.STRING) throw refuse('Secret must be a string', node);
    return node.value;
  },
});
