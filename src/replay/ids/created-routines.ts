import { literalText, TOKEN } from '../../journal/sql-tokens.ts';
import type { Catalog, Table, TriggerDraws } from './catalog.ts';
import { type RowEvent, readBody, ruleBody, ruleRoutine } from './routine-body.ts';
import type { TokenList } from './tokens.ts';

/** Makes known a function, procedure, trigger or rule that the record creates; false: it creates none of a known table. */
export function learnRoutine(tokens: TokenList, catalog: Catalog): boolean {
  let at = 1;
  while (['or', 'replace', 'constraint'].includes(tokens.at(at).name ?? '')) at += 1;
  const kind = tokens.at(at).name;
  if (kind === 'trigger') return learnTrigger(tokens, at + 1, catalog);
  if (kind === 'rule') return learnRule(tokens, at + 1, catalog);
  return (kind === 'function' || kind === 'procedure') && learnFunction(tokens, at + 1, catalog);
}

function learnFunction(tokens: TokenList, from: number, catalog: Catalog): boolean {
  const { schema, name, next } = tokens.name(from);
  const as = tokens.find(next, -1, ['AS']);
  const body = tokens.at(as + 1);
  const isText = as >= 0 && body.kind === TOKEN.STRING;
  const source = isText ? literalText(body.text) : tokens.text.slice(tokens.at(next).start);
  catalog.whole.addRoutine(
    name,
    readBody(source, { schema: schema ?? catalog.home, path: pathOf(tokens, next, catalog) }),
  );
  return true;
}

/** `SET search_path = schema, …` of a function, or `FROM CURRENT`; null: it has none, or nobody knows it. */
function pathOf(tokens: TokenList, from: number, { paths }: Catalog): readonly string[] | null {
  let set = tokens.find(from, -1, ['SET']);
  while (set >= 0 && tokens.at(set + 1).name !== 'search_path') set = tokens.find(set + 1, -1, ['SET']);
  if (set < 0) return null;
  if (tokens.word(set + 2) === 'FROM') return paths?.length === 1 ? paths[0]! : null;
  const names: string[] = [];
  for (let at = set + 3; ; at += 2) {
    const { kind, text, name } = tokens.at(at);
    names.push(kind === TOKEN.STRING ? literalText(text) : (name ?? ''));
    if (!tokens.is(at + 1, ',')) return names;
  }
}

/** `name {BEFORE | AFTER | INSTEAD OF} event [OR …] ON table … FOR EACH ROW … EXECUTE FUNCTION function ()` */
function learnTrigger(tokens: TokenList, from: number, catalog: Catalog): boolean {
  const on = tokens.find(from, -1, ['ON']);
  const execute = tokens.find(on, -1, ['EXECUTE']);
  if (on < 0 || execute < 0) return false;
  const { schema, name } = tokens.name(on + 1);
  const table = catalog.table(schema, name);
  if (table === null || !catalog.whole.holds(table)) return false;
  const trigger = { name: tokens.at(from).name ?? '', enabled: true };
  const { schema: home, name: called } = tokens.name(execute + 2);
  const routine = { schema: home, name: called };
  const perRow = /\bfor\s+(?:each\s+)?row\b/i.test(tokens.text);
  const events = EVENTS.filter((event) => {
    const place = tokens.find(from, -1, [event]);
    return place >= 0 && place < on;
  });
  const added = events.map(
    (event): TriggerDraws => ({ trigger, isRule: false, cascaded: false, event, perRow, routine }),
  );
  const others = withoutTrigger(table, trigger.name);
  const filters = perRow && tokens.at(from + 1).name === 'before' && events.includes('INSERT');
  const filtered = filters ? { filtered: true as const } : {};
  catalog.addTable(table.schema, table.name, { ...table, ...filtered, triggers: [...others, ...added] });
  return true;
}

/** `name AS ON event TO table [WHERE …] DO [ALSO | INSTEAD] …` */
function learnRule(tokens: TokenList, from: number, catalog: Catalog): boolean {
  const on = tokens.find(from, -1, ['ON']);
  const to = tokens.find(on, -1, ['TO']);
  const does = tokens.find(to, -1, ['DO']);
  const event = EVENTS.find((one) => one === tokens.word(on + 1));
  const { schema, name } = tokens.name(to + 1);
  const table = on < 0 || to < 0 || does < 0 ? null : catalog.table(schema, name);
  if (table === null || event === undefined || !catalog.whole.holds(table)) return false;
  const trigger = { name: tokens.at(from).name ?? '', enabled: true };
  const routine = { schema: null, name: ruleRoutine(table, trigger.name) };
  catalog.whole.addRoutine(routine.name, readBody(ruleBody(tokens.text.slice(tokens.at(does).start))));
  const added: TriggerDraws = { trigger, isRule: true, cascaded: false, event, perRow: true, routine };
  const others = withoutTrigger(table, trigger.name);
  catalog.addTable(table.schema, table.name, { ...table, triggers: [...others, added] });
  return true;
}

function withoutTrigger(table: Table, name: string): TriggerDraws[] {
  return table.triggers.filter(({ trigger, cascaded }) => cascaded || trigger.name !== name);
}

/** `DROP TRIGGER [IF EXISTS] name ON table`, or of a rule; false where it is no known one. */
export function dropTrigger(tokens: TokenList, catalog: Catalog): boolean {
  if (tokens.at(1).name !== 'trigger' && tokens.at(1).name !== 'rule') return false;
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
