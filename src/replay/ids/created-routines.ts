import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import type { Catalog, RowEvent, Sequence, TriggerDraws } from './catalog.ts';
import { sourceDraws } from './routines.ts';
import type { TokenList } from './tokens.ts';

/** Makes known what a function, procedure or trigger draws that the record creates; true when it draws. */
export function learnRoutine(tokens: TokenList, catalog: Catalog): boolean {
  let at = 1;
  while (['or', 'replace', 'constraint'].includes(tokens.at(at).name ?? '')) at += 1;
  const kind = tokens.at(at).name;
  if (kind === 'trigger') return learnTrigger(tokens, at + 1, catalog);
  return (kind === 'function' || kind === 'procedure') && learnFunction(tokens, at + 1, catalog);
}

function learnFunction(tokens: TokenList, from: number, catalog: Catalog): boolean {
  const { name, next } = tokens.name(from);
  const as = tokens.find(next, -1, ['AS']);
  const body = tokens.at(as + 1);
  const source =
    as >= 0 && body.kind === TOKEN.STRING ? literalText(body.text) : tokens.text.slice(tokens.at(next).start);
  const called = new Set<string>();
  const draws = sourceDraws(source, catalog, called);
  for (const other of called) for (const sequence of catalog.routine(other)) draws.add(sequence);
  if (draws.size > 0) catalog.addRoutine(name, [...draws]);
  return draws.size > 0;
}

/** `name {BEFORE | AFTER | INSTEAD OF} event [OR …] ON table … FOR EACH ROW … EXECUTE FUNCTION function ()` */
function learnTrigger(tokens: TokenList, from: number, catalog: Catalog): boolean {
  const on = tokens.find(from, -1, ['ON']);
  const execute = tokens.find(on, -1, ['EXECUTE']);
  if (on < 0 || execute < 0) return false;
  const { schema, name } = tokens.name(on + 1);
  const table = catalog.table(schema, name);
  const draws = catalog.routine(tokens.name(execute + 2).name);
  if (table === null || draws.length === 0) return false;
  const perRow = /\bfor\s+(?:each\s+)?row\b/i.test(tokens.text);
  const events = EVENTS.filter((event) => {
    const place = tokens.find(from, -1, [event]);
    return place >= 0 && place < on;
  });
  const added = draws.flatMap((sequence: Sequence) =>
    events.map((event): TriggerDraws => ({ event, perRow, sequence })),
  );
  catalog.addTable(table.schema, table.name, { ...table, triggers: [...table.triggers, ...added] });
  return true;
}

const EVENTS: readonly RowEvent[] = ['INSERT', 'UPDATE', 'DELETE'];
