/**
 * A parameter value: the closed sum that the journal keeps, the API takes and a replay sends.
 *
 * `text` carries the type OID when the capture knew it (null: the server infers the type, as it did for
 * the recorded client). `int64` is a bigint the whole way, so that 2^53 and beyond survive.
 */
export type Value =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int64'; readonly value: bigint }
  | { readonly kind: 'float64'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string; readonly oid: number | null }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'array'; readonly items: readonly Value[] };
