import type { Lab } from './lab.ts';
import type { Table } from './table.ts';

/** One kind of measurement, such as `speed`. */
export interface Part<Data> {
  readonly name: string;
  /** What is measured, in a line. */
  readonly title: string;
  /** Null: it could not be measured here, and has said why; what was measured before stays. */
  run(lab: Lab): Promise<Data | null>;
  /** Its figures, for the terminal and for docs/performance.md. */
  tables(data: Data): readonly Table[];
}

/** A part whose data are stored: JSON, in results/latest.json. */
// biome-ignore lint/suspicious/noExplicitAny: each part reads back only what it wrote.
export type AnyPart = Part<any>;
