import { messageOf } from '../errors.ts';
import type { Pending } from './pending.ts';
import { PreparedNames } from './prepared-names.ts';
import type { StatementMessage, TargetOutcome } from './statement.ts';
import type { ServerMessage } from './wire-reader.ts';
import { MAX_PARAMETERS, type WireWriter } from './wire-writer.ts';

const COPY_REFUSAL = 'COPY data is not in the record';

/** Words that change how the connection must treat a statement; a false hit costs little, a miss a connection. */
const SPECIAL = /\b(?:stdin|deallocate|discard|statement_timeout)\b/i;

/**
 * What a bound statement fails with each time until it is parsed again. 26000: dropped behind our back (a function that
 * runs DEALLOCATE); 0A000: a table has other columns now, upon which clients parse it again.
 */
const PREPARED_IS_STALE: ReadonlySet<string> = new Set(['26000', '0A000']);

/** Puts statements into messages, and knows which names the session has prepared. */
export class StatementEncoder {
  private readonly writer: WireWriter;
  private readonly names = new PreparedNames();

  constructor(writer: WireWriter) {
    this.writer = writer;
  }

  /**
   * Writes the statement so that exactly one ReadyForQuery answers it. What cannot be put into a message gets
   * its error here, and a Sync of its own on the wire that keeps the order of outcomes.
   * `setsTimeout`: the text mentions statement_timeout.
   */
  encode(pending: Pending): { readonly setsTimeout: boolean } {
    const { writer } = this;
    const before = writer.length;
    const { text } = pending.message;
    pending.error = refusalOf(pending.message);
    if (pending.error !== null) {
      writer.sync();
      return { setsTimeout: false };
    }
    const special = SPECIAL.test(text);
    // Asked for data in a pipeline, the server takes the next statement for it and breaks off: CopyFail goes
    // along. Where no data is asked for, the server ignores it.
    pending.copyFailSent = special && /\bstdin\b/i.test(text);
    try {
      if (pending.message.protocol === 'SIMPLE') this.simple(pending);
      else this.extended(pending);
    } catch (error) {
      writer.rewind(before);
      pending.error = notSent('54000', messageOf(error));
      writer.sync();
    }
    // What is sent behind it must not count on a name that it drops.
    if (special && this.names.size > 0 && /\b(?:deallocate|discard)\b/i.test(text)) this.names.clear();
    return { setsTimeout: special && /\bstatement_timeout\b/i.test(text) };
  }

  /** Takes note of what an outcome says about the statement's name. */
  settle({ prepared }: Pending, outcome: TargetOutcome): void {
    if (prepared === null) return;
    // Not there for certain any more, or of no more use: the next use parses again.
    if (!prepared.confirmed || PREPARED_IS_STALE.has(outcome.sqlstate ?? '')) this.names.forget(prepared);
  }

  /** The server asks for COPY data. */
  refuseCopy(pending: Pending): void {
    pending.copyRefused = true;
    if (pending.copyFailSent) return;
    this.writer.copyFail(COPY_REFUSAL);
    // The server has swallowed the Sync behind Execute as part of the copy.
    if (pending.message.protocol === 'EXTENDED') this.writer.sync();
  }

  private simple(pending: Pending): void {
    this.writer.query(pending.message.text);
    if (pending.copyFailSent) this.writer.copyFail(COPY_REFUSAL);
  }

  private extended(pending: Pending): void {
    const { writer } = this;
    const { text, parameters, drops } = pending.message;
    let name = pending.message.preparedName ?? '';
    if (drops !== undefined) {
      writer.closeStatement(drops);
      writer.parse(drops, '', []);
    }
    if (name !== '') pending.prepared = this.names.ready(name, text);
    if (pending.prepared === null) {
      if (this.names.isUnderWay(name, text)) name = '';
      if (name !== '') {
        // Also the first time: the record may have made the name by other means.
        writer.closeStatement(name);
        pending.prepared = this.names.parsing(name, text);
      }
      writer.parse(name, text, parameters);
    }
    writer.bind(name, parameters);
    writer.execute();
    if (pending.copyFailSent) writer.copyFail(COPY_REFUSAL);
    writer.sync();
  }
}

/** Why a statement cannot be put into a message, or null. */
function refusalOf(message: StatementMessage): ServerMessage | null {
  if (message.text.includes('\0') || message.preparedName?.includes('\0') || message.drops?.includes('\0')) {
    return notSent('22021', 'the statement holds a NUL character');
  }
  if (message.parameters.length > MAX_PARAMETERS) {
    return notSent('54023', `${message.parameters.length} parameters are more than ${MAX_PARAMETERS}`);
  }
  return null;
}

function notSent(sqlstate: string, why: string): ServerMessage {
  return { severity: 'ERROR', sqlstate, message: `not sent: ${why}`, detail: null, position: null };
}
