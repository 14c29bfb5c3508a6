import type { Reference, StatementDraws } from './parts.ts';
import type { TokenList } from './tokens.ts';

/** `PREPARE name … AS text` */
export function readPrepare(tokens: TokenList): StatementDraws['prepares'] {
  const name = tokens.at(1).name;
  const as = tokens.find(2, -1, ['AS']);
  return name === null || as < 0 ? null : { name, text: tokens.text.slice(tokens.at(as).start + 2) };
}

/** `EXECUTE name [(value, …)]` */
export function readExecute(tokens: TokenList): StatementDraws['executes'] {
  const name = tokens.at(1).name;
  if (name === null) return null;
  const items = tokens.is(2, '(') ? tokens.items(3, tokens.close(2)) : [];
  return { name, values: items.map((item) => tokens.value(item.from)?.given ?? null) };
}

/** What a prepared statement says when it is executed with these values. */
export function executed(prepared: StatementDraws, executes: NonNullable<StatementDraws['executes']>): StatementDraws {
  const references = prepared.references.flatMap((reference): Reference[] => {
    const { parameter } = reference.given;
    const given = parameter === null ? reference.given : (executes.values[parameter - 1] ?? null);
    return given === null ? [] : [{ ...reference, given }];
  });
  return { ...prepared, executes, references };
}
