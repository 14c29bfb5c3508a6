import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Value } from '../../journal/value.ts';
import type { QueryResult } from '../../target/statement.ts';

/** What a catalog is read from. */
export interface Asked {
  query(text: string, parameters?: readonly Value[]): Promise<QueryResult>;
}

type Rows = QueryResult['rows'];

/** Passes queries on and keeps the answers, so that the catalog can be read again as it stood. */
export class KeptAnswers implements Asked {
  private readonly asked: Asked;
  private readonly answers: Record<string, Rows> = {};

  constructor(asked: Asked) {
    this.asked = asked;
  }

  async query(text: string, parameters?: readonly Value[]): Promise<QueryResult> {
    const result = await this.asked.query(text, parameters);
    this.answers[text] = result.rows;
    return result;
  }

  /** The answers as one text. */
  async packed(): Promise<string> {
    const packed = await promisify(gzip)(JSON.stringify(this.answers));
    return packed.toString('base64');
  }
}

/** Answers queries as they were answered when `packed` was made; null for a text that holds no answers. */
export async function answersIn(packed: string): Promise<Asked | null> {
  let answers: Record<string, Rows>;
  try {
    answers = JSON.parse(String(await promisify(gunzip)(Buffer.from(packed, 'base64')))) as Record<string, Rows>;
  } catch {
    return null;
  }
  return {
    query: (text) => {
      const rows = answers[text];
      // Another version of this program asked other questions.
      if (rows === undefined)
        return Promise.reject(new Error(`nothing was kept of what the target answered to: ${text}`));
      return Promise.resolve({ rows, tag: null });
    },
  };
}
