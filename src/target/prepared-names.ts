/** What a server tells names by, unless it was built otherwise. */
const NAME_BYTES = 63;

/** A Parse of a named statement, as the connection believes in it. */
export interface PreparedStatement {
  /** As the server tells it from others. */
  readonly name: string;
  readonly text: string;
  /** True once the server has answered ParseComplete. */
  confirmed: boolean;
}

/**
 * Which named statements the session has. Only a confirmed one is bound without another Parse: a Parse that is
 * still under way may yet fail (in a failed transaction, say), and what was sent behind it would fail with it.
 * Parsing once too often is harmless, because Close goes before each Parse.
 *
 * While one is under way, the same text is sent without the name. Another Parse of the name would be under way in its
 * turn when the first is confirmed, and with a full window of statements there would never be a last one.
 */
export class PreparedNames {
  private readonly known = new Map<string, PreparedStatement>();

  get size(): number {
    return this.known.size;
  }

  /** The statement, when it is there for certain with this text. */
  ready(name: string, text: string): PreparedStatement | null {
    const found = this.known.get(asServer(name));
    return found?.confirmed && found.text === text ? found : null;
  }

  /** True while a Parse of this name with this text has no answer. */
  isUnderWay(name: string, text: string): boolean {
    const found = this.known.get(asServer(name));
    return found !== undefined && !found.confirmed && found.text === text;
  }

  /** Notes that a Parse is being sent. */
  parsing(name: string, text: string): PreparedStatement {
    const statement = { name: asServer(name), text, confirmed: false };
    this.known.set(statement.name, statement);
    return statement;
  }

  /** Forgets this very Parse; a later one of the same name stays. */
  forget(statement: PreparedStatement): void {
    if (this.known.get(statement.name) === statement) this.known.delete(statement.name);
  }

  /** Forgets all: DEALLOCATE, DISCARD. */
  clear(): void {
    this.known.clear();
  }
}

/** The server looks at the first 63 bytes: longer names that begin alike are one. Not readable where it is cut. */
function asServer(name: string): string {
  return name.length * 3 <= NAME_BYTES ? name : Buffer.from(name).toString('latin1', 0, NAME_BYTES);
}
