import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import type { Catalog, RowEvent, Sequence, Table, TriggerDraws } from './catalog.ts';
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
  if (draws.size > 0) catalog.whole.addRoutine(name, [...draws]);
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
  if (table === null || !catalog.whole.holds(table)) return false;
  const trigger = { name: tokens.at(from).name ?? '', enabled: true };
  const others = withoutTrigger(table, trigger.name);
  if (draws.length === 0 && others.length === table.triggers.length) return false;
  const perRow = /\bfor\s+(?:each\s+)?row\b/i.test(tokens.text);
  const events = EVENTS.filter((event) => {
    const place = tokens.find(from, -1, [event]);
    return place >= 0 && place < on;
  });
  const added = draws.flatMap((sequence: Sequence) =>
    events.map((event): TriggerDraws => ({ trigger, cascaded: false, event, perRow, sequence })),
  );
  catalog.addTable(table.schema, table.name, { ...table, triggers: [...others, ...added] });
  return true;
}

function withoutTrigger(table: Table, name: string): TriggerDraws[] {
  return table.triggers.filter(({ trigger, cascaded }) => cascaded || trigger.name !== name);
}

/** `DROP TRIGGER [IF EXISTS] name ON table`; false where it is no known one. */
export function dropTrigger(tokens: TokenList, catalog: Catalog): boolean {
  if (tokens.at(1).name !== 'trigger') return false;
  const at = tokens.word(2) === 'IF' ? 4 : 2;
  const { schema, name } = tokens.name(at + 2);
  const table = catalog.tableOnPath(schema, name);
  if (table === null || !catalog.whole.holds(table)) return false;
  catalog.addTable(table.schema, table.name, { ...table, triggers: withoutTrigger(table, tokens.at(at).name ?? '') });
  return true;
}

/** `ALTER TRIGGER name ON table RENAME TO name`; false where it is no known one. */
export function renameTrigger(tokens: TokenList, catalog: Catalog): boolean {
  const { schema, name, next } = tokens.name(4);
  const renamed = tokens.at(next).name === 'rename' ? tokens.at(next + 2).name : null;
  if (renamed === null) return false;
  for (const { trigger, cascaded } of catalog.table(schema, name)?.triggers ?? [])
    if (!cascaded && trigger.name === tokens.at(2).name) trigger.name = renamed;
  return true;
}

/** `DISABLE TRIGGER name`, `ENABLE [REPLICA | ALWAYS] TRIGGER name`; ALL and USER mean all of them. */
export function switchTriggers(tokens: TokenList, from: number, table: Table): void {
  const kind = tokens.at(from + 1).name;
  const at = kind === 'trigger' ? from + 2 : from + 3;
  if (tokens.at(at - 1).name !== 'trigger') return;
  const { name, kind: written } = tokens.at(at);
  const all = written !== TOKEN.QUOTED && (name === 'all' || name === 'user');
  for (const { trigger, cascaded } of table.triggers)
    if (!cascaded && (all || trigger.name === name))
      trigger.enabled = tokens.at(from).name === 'enable' && kind !== 'replica';
}

const EVENTS: readonly RowEvent[] = ['INSERT', 'UPDATE', 'DELETE'];
