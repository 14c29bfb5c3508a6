import SchemaBuilder from '@pothos/core';
import type { Micros } from '../journal/entry.ts';
import type { RequestContext } from './context.ts';

/**
 * The schema builder. It holds no types, so that every type file can import it without a cycle; `schema.ts`
 * imports the type files. Fields are non-null unless they say `nullable`.
 */
export const builder = new SchemaBuilder<{
  Context: RequestContext;
  DefaultFieldNullability: false;
  DefaultInputFieldRequiredness: false;
  Scalars: {
    ID: { Input: string; Output: string };
    Timestamp: { Input: Micros; Output: Micros };
    BigInt: { Input: bigint; Output: bigint };
    SafeInt: { Input: number; Output: number };
    Float64: { Input: number; Output: number };
    Oid: { Input: number; Output: number };
    UUID: { Input: string; Output: string };
    Cursor: { Input: string; Output: string };
    Base64: { Input: Uint8Array; Output: Uint8Array };
    Secret: { Input: string; Output: never };
  };
}>({ defaultFieldNullability: false });

/** An enum whose every value is described: a value without a description does not compile. */
export function enumOf<const Value extends string>(
  name: string,
  description: string,
  values: Readonly<Record<Value, string>>,
) {
  const described = Object.fromEntries(
    Object.entries<string>(values).map(([value, text]) => [value, { value: value as Value, description: text }]),
  ) as { [V in Value]: { value: V; description: string } };
  return builder.enumType(name, { description, values: described });
}

/** An implemented object type whose values are `T`. */
export type NamedRef<T> = ReturnType<ReturnType<typeof builder.objectRef<T>>['implement']>;
