import { alter, drop } from './altered.ts';
import { type Catalog, type Column, type Sequence, type Table, TEMPORARY } from './catalog.ts';
import { dropTrigger, learnRoutine } from './created-routines.ts';
import { CONSTRAINTS, Definitions, type Keyed, type Learned } from './definitions.ts';
import { copyOf, SessionCatalog, type Temporaries, temporariesIn } from './temporary.ts';
import { TokenList } from './tokens.ts';

/**
 * Makes known what a statement of the record creates, alters and drops: sequences, tables that draw from them, foreign keys,
 * defaults, triggers. Gives what becomes of sequences that the catalog had already; null when nothing was learned.
 * Temporary objects are not among them (`learnTemporary`).
 */
export function learnCreated(text: string, catalog: Catalog): Learned | null {
  const tokens = new TokenList(text);
  return madeTemporary(tokens) === null ? learn(tokens, catalog) : null;
}

/** What a statement leaves of the temporary objects of its session. */
export interface LearnedTemporary {
  readonly own: Temporaries | null;
  /** What it makes is gone at the end of the transaction. */
  readonly local: boolean;
  readonly learned: Learned;
}

/** Reads what a statement creates, alters and drops of a session's temporary objects; null where it changes none. */
export function learnTemporary(text: string, others: Catalog, own: Temporaries | null): LearnedTemporary | null {
  if (own === null && !MAY_MAKE_TEMPORARY.test(text)) return null;
  const tokens = new TokenList(text);
  const target = madeTemporary(tokens);
  if (target === null && (own === null || (tokens.word(0) === 'CREATE' && !/\btrigger\b/i.test(text)))) return null;
  const copy = copyOf(own);
  const learned = learn(tokens, new SessionCatalog(copy, others, true));
  if (target === null) return learned === null ? null : { own: temporariesIn(copy), local: false, learned };
  // Of a view, and of what a query fills, the name is all that counts.
  if (copy.table(TEMPORARY, target.name) === null && copy.sequence(TEMPORARY, target.name) === null)
    copy.addTable(TEMPORARY, target.name, NO_COLUMNS);
  const on = tokens.find(target.next, -1, ['ON']);
  const local = on >= 0 && tokens.word(on + 1) === 'COMMIT' && tokens.word(on + 2) === 'DROP';
  return { own: temporariesIn(copy), local, learned: learned ?? NOTHING };
}

/** Statements that may make temporary objects. */
export const MAY_MAKE_TEMPORARY = /\btemp|\bpg_temp\b/i;
const NO_COLUMNS = { columns: [], triggers: [], owns: [], ownedBelow: [], holds: new Map(), refers: new Map() };
const NOTHING: Learned = { renewed: [], unplaced: [], stepped: [] };

/** The temporary table, view or sequence that a statement makes, `SELECT … INTO` included; null: none. */
function madeTemporary(tokens: TokenList): { readonly name: string; readonly next: number } | null {
  const creates = tokens.word(0) === 'CREATE';
  let at = creates ? 1 : tokens.find(0, -1, ['INTO']) + 1;
  if (at === 0 || (!creates && !['SELECT', 'WITH'].includes(tokens.word(0)))) return null;
  while (['or', 'replace', 'global', 'local'].includes(tokens.at(at).name ?? '')) at += 1;
  const temporary = ['temp', 'temporary'].includes(tokens.at(at).name ?? '');
  if (temporary) at += 1;
  if (tokens.at(at).name === 'recursive') at += 1;
  if (['table', 'sequence', 'view'].includes(tokens.at(at).name ?? '')) at += 1;
  else if (creates) return null;
  if (tokens.word(at) === 'IF') at += 3;
  const { schema, name, next } = tokens.name(at);
  return temporary || schema === TEMPORARY ? { name, next } : null;
}

function learn(tokens: TokenList, catalog: Catalog): Learned | null {
  const made = new Definitions(tokens, catalog);
  if (tokens.word(0) === 'ALTER') return alter(tokens, catalog, made) ? made : null;
  if (tokens.word(0) === 'DROP') return dropTrigger(tokens, catalog) || drop(tokens, catalog, made) ? made : null;
  if (tokens.word(0) !== 'CREATE') return null;
  const creation = new Creation(tokens, catalog, made);
  if (tokens.word(1) === 'SCHEMA') return creation.schema();
  if (learnRoutine(tokens, catalog)) return made;
  let kind = tokens.word(1) === 'UNLOGGED' ? 2 : 1;
  while (['global', 'local', 'temp', 'temporary'].includes(tokens.at(kind).name ?? '')) kind += 1;
  if (tokens.word(kind) === 'SEQUENCE') return creation.sequence(kind + 1);
  return tokens.word(kind) === 'TABLE' ? creation.table(kind + 1) : null;
}

class Creation {
  private readonly tokens: TokenList;
  private readonly catalog: Catalog;
  private readonly made: Definitions;

  constructor(tokens: TokenList, catalog: Catalog, made: Definitions) {
    this.tokens = tokens;
    this.catalog = catalog;
    this.made = made;
  }

  schema(): Learned {
    this.catalog.whole.addSchema(this.made.name(2).name);
    return this.made;
  }

  sequence(from: number): Learned | null {
    const { tokens } = this;
    const target = this.made.made(from);
    if (target === null) return null;
    if (target.ifNotExists && this.catalog.sequence(target.schema, target.name) !== null) return null;
    const sequence = this.made.create(target.schema, target.name, this.made.options(target.next, tokens.length));
    this.made.owner(sequence, target.next, tokens.length);
    return this.made;
  }

  table(from: number): Learned | null {
    const { tokens, catalog } = this;
    const target = this.made.made(from);
    if (target === null) return null;
    if (target.ifNotExists && catalog.table(target.schema, target.name) !== null) return null;
    if (tokens.word(target.next) === 'PARTITION') {
      const whole = tokens.name(target.next + 2);
      const table = catalog.table(whole.schema, whole.name);
      if (table === null) return null;
      const { hasChildren: _, ...partition } = table;
      catalog.addTable(target.schema, target.name, { ...partition, owns: [], ownedBelow: [] });
      adopt(table, catalog);
      return this.made;
    }
    if (!tokens.is(target.next, '(')) return null;
    const columns: Column[] = [];
    const holds = new Map<string, Sequence>();
    const keyed: Keyed = { table: target.name, holds, refers: new Map() };
    for (const item of tokens.items(target.next + 1, tokens.close(target.next))) {
      if (tokens.word(item.from) === 'LIKE') {
        columns.push(...this.like(target.schema, target.name, item.from, item.to, holds));
        continue;
      }
      if (CONSTRAINTS.includes(tokens.word(item.from))) {
        this.made.foreignKey(item.from, item.to, keyed);
        continue;
      }
      const column = this.made.column(target.schema, target.name, item.from, item.to);
      columns.push(column);
      if (column.draws !== null) holds.set(column.name, column.draws);
      this.made.reference(column.name, item.from, item.to, keyed);
    }
    this.inherit(tokens.close(target.next) + 1, columns, holds);
    const table = catalog.addTable(target.schema, target.name, {
      columns,
      triggers: [],
      owns: this.made.sequences,
      ownedBelow: [],
      holds,
      refers: keyed.refers,
    });
    this.made.putBelow(table);
    return this.made;
  }

  /** `LIKE table INCLUDING …`: an identity gets a sequence of its own, a default keeps the one that it names. */
  private like(
    schema: string,
    name: string,
    from: number,
    to: number,
    holds: Map<string, Sequence>,
  ): readonly Column[] {
    const { tokens, catalog } = this;
    const other = tokens.name(from + 1);
    const included = new Set<string>();
    for (let index = other.next; index + 1 < to; index += 2) {
      const what = tokens.at(index + 1).name ?? '';
      if (tokens.at(index).name === 'including') included.add(what);
      else included.delete(what);
    }
    const has = (what: string) => included.has(what) || included.has('all');
    return (catalog.table(other.schema, other.name)?.columns ?? []).map((column) => {
      if (!has(column.identity ? 'identity' : 'defaults'))
        return { ...column, draws: null, calls: [], identity: false };
      const { draws } = column;
      if (draws === null) return column;
      const { increment, start, min, max, cycles, top } = draws;
      const own = column.identity
        ? this.made.createFor(schema, name, column.name, { increment, start, min, max, cycles, top })
        : draws;
      holds.set(column.name, own);
      return { ...column, draws: own };
    });
  }

  /** `INHERITS (table, …)`: the columns come first, and an identity stays behind. */
  private inherit(from: number, columns: Column[], holds: Map<string, Sequence>): void {
    const { tokens, catalog } = this;
    if (tokens.at(from).name !== 'inherits') return;
    const known = new Set(columns.map(({ name }) => name));
    const inherited = tokens.items(from + 2, tokens.close(from + 1)).flatMap((item) => {
      const parent = tokens.name(item.from);
      const table = catalog.table(parent.schema, parent.name);
      if (table !== null) adopt(table, catalog);
      return table?.columns ?? [];
    });
    const added = inherited
      .filter(({ name }) => !known.has(name))
      .map((column) => (column.identity ? { ...column, draws: null, identity: false } : column));
    for (const { name, draws } of added) if (draws !== null) holds.set(name, draws);
    columns.unshift(...added);
  }
}

function adopt(parent: Table, catalog: Catalog): void {
  if (parent.hasChildren !== true) catalog.addTable(parent.schema, parent.name, { ...parent, hasChildren: true });
}
