import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TargetConnection } from '../../src/target/connection.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startProxy } from './proxy.ts';
import { open, simple, targetOf } from './support.ts';

const STATEMENTS = 10;
/** While more than this are under way, nobody waits for the next answer. */
const MARK = 4;
/** ReadyForQuery, which ends each answer. */
const READY = Buffer.from('Z\0\0\0\x05I', 'latin1');

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

/** Statements under way, whose answers a proxy holds back. */
class HeldAnswers {
  readonly connection: TargetConnection;
  /** When each statement was told of: one time for all of a read. */
  readonly doneAt: number[] = [];
  private readonly answers: Buffer[];
  private readonly client: Socket;
  private onTold: () => void = () => {};

  static async of(count: number): Promise<HeldAnswers> {
    let client: Socket | undefined;
    let bytes = Buffer.alloc(0);
    let arrived: (() => void) | null = null;
    const port = await startProxy(db.port, (pair) => {
      client = pair.client;
      pair.client.on('data', (chunk) => pair.server.write(chunk));
      pair.server.on('data', (chunk: Buffer) => {
        if (arrived === null) {
          pair.client.write(chunk);
          return;
        }
        bytes = Buffer.concat([bytes, chunk]);
        arrived();
      });
    });
    const connection = await open(targetOf({ ...db, port }));
    connection.gatherAbove(MARK);
    const held = new HeldAnswers(connection, client!, []);
    await new Promise<void>((resolve) => {
      arrived = () => {
        if (split(bytes).length === count) resolve();
      };
      for (let n = 0; n < count; n++) {
        connection.send(simple('SELECT 1'), ({ ok, doneAt }) => {
          // Thrown in here, outside of any test, an error would end the run that the test is repeated in.
          if (!ok) return;
          held.doneAt.push(doneAt);
          held.onTold();
        });
      }
    });
    held.answers.push(...split(bytes));
    return held;
  }

  private constructor(connection: TargetConnection, client: Socket, answers: Buffer[]) {
    this.connection = connection;
    this.client = client;
    this.answers = answers;
  }

  /** Lets the next answer through, and time pass in which it can be read. */
  async deliver(): Promise<void> {
    this.client.write(this.answers.shift()!);
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  }

  told(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.onTold = () => {
        if (this.doneAt.length >= count) resolve();
      };
      this.onTold();
    });
  }
}

function split(bytes: Buffer): Buffer[] {
  const answers: Buffer[] = [];
  for (let from = 0, at = bytes.indexOf(READY); at >= 0; at = bytes.indexOf(READY, from)) {
    answers.push(bytes.subarray(from, at + READY.length));
    from = at + READY.length;
  }
  return answers;
}

describe('answers', () => {
  it('gather while many statements are under way, and are read at once', async () => {
    const held = await HeldAnswers.of(STATEMENTS);
    await held.deliver();
    await held.told(1);
    for (let n = 0; n < 3; n++) await held.deliver();
    await held.told(4);
    // One time, or two where a slow machine lets the gathering's milliseconds pass in between; read as they come, three.
    expect(new Set(held.doneAt.slice(1)).size).toBeLessThan(3);
    for (let n = 4; n < STATEMENTS; n++) await held.deliver();
    await held.told(STATEMENTS);
  });

  it('are read as they come when somebody waits for them', async () => {
    const held = await HeldAnswers.of(STATEMENTS);
    await held.deliver();
    await held.told(1);
    held.connection.hurry();
    for (let n = 1; n < STATEMENTS; n++) {
      await held.deliver();
      await held.told(n + 1);
    }
    expect(new Set(held.doneAt).size).toBe(STATEMENTS);
  });

  it('are read as they come when no more statements are under way than the mark says', async () => {
    const held = await HeldAnswers.of(MARK + 1);
    for (let n = 0; n <= MARK; n++) {
      await held.deliver();
      await held.told(n + 1);
    }
    expect(new Set(held.doneAt).size).toBe(MARK + 1);
  });
});
