import { HOLE } from './dynamic-sql.ts';

/** Search paths that a session may have; null: any. */
export type Paths = readonly (readonly string[])[] | null;

/** The only one found; null: none, or several. */
export function only<T>(found: ReadonlySet<T>): T | null {
  return found.size === 1 ? [...found][0]! : null;
}

/** What was found where it is more than one. */
export function several<T>(found: ReadonlySet<T>): readonly T[] {
  return found.size > 1 ? [...found] : [];
}

/** Objects by their names, found the way the server does: along the search path when no schema is given. */
export class Names<T> {
  private readonly path: readonly string[];
  private readonly bySchema = new Map<string, Map<string, T>>();
  /** Null: more than one schema has it. */
  private readonly anywhere = new Map<string, T | null>();
  private readonly places = new Map<T, readonly [schema: string, name: string]>();

  constructor(path: readonly string[]) {
    this.path = path;
  }

  add(schema: string, name: string, object: T): void {
    const names = this.bySchema.get(schema) ?? new Map<string, T>();
    const before = names.get(name);
    if (before !== undefined) this.places.delete(before);
    this.places.set(object, [schema, name]);
    const elsewhere = this.anywhere.has(name) && this.anywhere.get(name) !== before;
    this.anywhere.set(name, elsewhere ? null : object);
    this.bySchema.set(schema, names.set(name, object));
  }

  delete(schema: string, name: string): void {
    const names = this.bySchema.get(schema);
    const object = names?.get(name);
    if (object !== undefined) this.places.delete(object);
    names?.delete(name);
    const left = [...this.bySchema.values()].flatMap((others) => others.get(name) ?? []);
    if (left.length === 0) this.anywhere.delete(name);
    else this.anywhere.set(name, left.length === 1 ? left[0]! : null);
  }

  has(object: T): boolean {
    return this.places.has(object);
  }

  placeOf(object: T): readonly [schema: string, name: string] {
    return this.places.get(object) ?? ['', ''];
  }

  /** All whose names may be these: each `HOLE` in them stands for any part. */
  like(schema: string | null, name: string): T[] {
    const schemaLike = schema === null ? null : pattern(schema);
    const nameLike = pattern(name);
    const found: T[] = [];
    for (const [one, names] of this.bySchema) {
      if (schemaLike?.test(one) === false) continue;
      for (const [other, object] of names) if (nameLike.test(other)) found.push(object);
    }
    return found;
  }

  in(schema: string): T[] {
    return [...(this.bySchema.get(schema)?.values() ?? [])];
  }

  find(schema: string | null, name: string): T | null {
    if (schema !== null) return this.bySchema.get(schema)?.get(name) ?? null;
    for (const one of this.path) {
      const found = this.bySchema.get(one)?.get(name);
      if (found !== undefined) return found;
    }
    return this.alone(name);
  }

  /**
   * Whatever a name means along one of several search paths.
   * @param strictly only what a path, or the schema given, leads to
   */
  along(schema: string | null, name: string, paths: Paths, strictly = false): ReadonlySet<T> {
    const found = new Set<T>();
    if (schema === null && paths === null) {
      for (const names of this.bySchema.values()) {
        const object = names.get(name);
        if (object !== undefined) found.add(object);
      }
    }
    for (const path of schema === null ? (paths ?? []) : [[schema]]) {
      const one = path.find((part) => this.bySchema.get(part)?.has(name));
      const object = one === undefined ? null : this.bySchema.get(one)!.get(name)!;
      const meant = object ?? (schema === null && !strictly ? this.alone(name) : null);
      if (meant !== null) found.add(meant);
    }
    return found;
  }

  private alone(name: string): T | null {
    // The recorded session may have had a search_path of its own: a name that only one schema has is meant.
    return this.anywhere.get(name) ?? null;
  }
}

/** Matches the names that one with holes may be. */
export function pattern(name: string): RegExp {
  const parts = name.split(HOLE).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
