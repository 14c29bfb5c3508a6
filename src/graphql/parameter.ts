import { RepriseError } from '../errors.ts';
import type { Value } from '../journal/value.ts';
import { valueToWire } from '../journal/value-codec.ts';
import { builder, enumOf } from './builder.ts';

/** PostgreSQL's arrays have six dimensions at most. */
const MAX_DIMENSIONS = 6;

const ParameterKind = enumOf<Uppercase<Value['kind']>>('ParameterKind', 'What a parameter value is.', {
  NULL: 'The SQL NULL.',
  BOOL: 'A boolean; see `bool`.',
  INT64: 'An integer of up to 64 bits; see `int64`.',
  FLOAT64: 'A double; see `float64`.',
  TEXT: 'Text, also of any type that was captured as text; see `text` and `oid`.',
  BYTES: 'Bytes; see `bytes`.',
  ARRAY: 'An array; see `items`.',
});

export const Parameter = builder.objectRef<Value>('Parameter');

Parameter.implement({
  description:
    'A parameter value as it was recorded. `text` shows any kind; the field of its own kind holds it exactly, the others are null.',
  fields: (t) => ({
    kind: t.field({
      type: ParameterKind,
      description: 'Which field holds the value.',
      resolve: (value) => value.kind.toUpperCase() as Uppercase<Value['kind']>,
    }),
    text: t.string({
      nullable: true,
      description:
        "In PostgreSQL's text format, as a replay sends it: `42`, `true`, `\\x00ff`, `{1,2}`. Null for NULL.",
      resolve: (value) => valueToWire(value)?.text ?? null,
    }),
    oid: t.field({
      type: 'Oid',
      nullable: true,
      description: 'Type of a TEXT value; null where the capture did not know it and the server inferred one.',
      resolve: (value) => (value.kind === 'text' ? value.oid : null),
    }),
    bool: t.boolean({
      nullable: true,
      description: 'The value of a BOOL.',
      resolve: (value) => (value.kind === 'bool' ? value.value : null),
    }),
    int64: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'The value of an INT64.',
      resolve: (value) => (value.kind === 'int64' ? value.value : null),
    }),
    float64: t.field({
      type: 'Float64',
      nullable: true,
      description: 'The value of a FLOAT64.',
      resolve: (value) => (value.kind === 'float64' ? value.value : null),
    }),
    bytes: t.field({
      type: 'Base64',
      nullable: true,
      description: 'The value of BYTES.',
      resolve: (value) => (value.kind === 'bytes' ? value.value : null),
    }),
    items: t.field({
      type: [Parameter],
      nullable: true,
      description: 'The elements of an ARRAY, arrays again in nested ones.',
      resolve: (value) => (value.kind === 'array' ? [...value.items] : null),
    }),
  }),
});

const TextParameterInput = builder.inputType('TextParameterInput', {
  description: 'Text, or a value of any type in text format.',
  fields: (t) => ({
    value: t.string({ required: true, description: 'The text.' }),
    oid: t.field({
      type: 'Oid',
      description: 'Its type, where the recorded client declared one; default: the server infers it.',
    }),
  }),
});

/** Exactly one field is given. */
export interface ParameterShape {
  null?: boolean | null | undefined;
  bool?: boolean | null | undefined;
  int64?: bigint | null | undefined;
  float64?: number | null | undefined;
  text?: typeof TextParameterInput.$inferInput | null | undefined;
  bytes?: Uint8Array | null | undefined;
  array?: ParameterShape[] | null | undefined;
}

export const ParameterInput = builder.inputRef<ParameterShape>('ParameterInput').implement({
  description: 'A parameter value: exactly one field.',
  isOneOf: true,
  fields: (t) => ({
    null: t.boolean({ description: 'The SQL NULL: `true`.' }),
    bool: t.boolean({ description: 'A boolean.' }),
    int64: t.field({ type: 'BigInt', description: 'An integer of up to 64 bits.' }),
    float64: t.field({ type: 'Float64', description: 'A double.' }),
    text: t.field({ type: TextParameterInput, description: 'Text, or a value in text format with its type.' }),
    bytes: t.field({ type: 'Base64', description: 'Bytes.' }),
    array: t.field({ type: [ParameterInput], description: 'An array; arrays in it make it nested, six deep at most.' }),
  }),
});

/**
 * The journal's value of an input.
 * @throws RepriseError BAD_INPUT: `null: false`, text with U+0000, an array nested deeper than PostgreSQL's
 */
export function valueOfInput(input: ParameterShape, path: readonly string[], depth = 0): Value {
  const bad = (why: string) => new RepriseError('BAD_INPUT', `${path.join('.')} ${why}`, { path });
  if (input.bool != null) return { kind: 'bool', value: input.bool };
  if (input.int64 != null) return { kind: 'int64', value: input.int64 };
  if (input.float64 != null) return { kind: 'float64', value: input.float64 };
  if (input.bytes != null) return { kind: 'bytes', value: input.bytes };
  if (input.text != null) {
    if (input.text.value.includes('\0')) throw bad('holds U+0000, which PostgreSQL text cannot: send it as bytes');
    return { kind: 'text', value: input.text.value, oid: input.text.oid ?? null };
  }
  if (input.array != null) {
    if (depth === MAX_DIMENSIONS)
      throw bad(`is nested deeper than the ${MAX_DIMENSIONS} dimensions of PostgreSQL's arrays`);
    return {
      kind: 'array',
      items: input.array.map((item, index) => valueOfInput(item, [...path, 'array', String(index)], depth + 1)),
    };
  }
  if (input.null === false) throw bad('is `null: false`: write `null: true` for the SQL NULL, or another field');
  return { kind: 'null' };
}
