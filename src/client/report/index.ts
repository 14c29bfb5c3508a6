import { type CsvTable, reportCsv } from './csv.ts';
import type { ReportData } from './data.ts';
import { htmlReport } from './html.ts';
import { junitXml } from './junit.ts';

export { CSV_TABLES, type CsvTable, reportCsv } from './csv.ts';
export {
  actualText,
  type Complaints,
  complaintsOf,
  divergencesText,
  inDoubtText,
  lagByCauseText,
  loadReport,
  praiseOf,
  type ReportData,
  sentNothing,
  sentOnlyControl,
} from './data.ts';
export { htmlReport } from './html.ts';
export { junitXml } from './junit.ts';
export { filterFacts, requestFacts } from './request-words.ts';

/** Files that a report can be made into. */
export const REPORT_FORMATS = ['json', 'csv', 'junit', 'html'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** The text of a report as a file. `table`: which one, of CSV. */
export function renderReport(data: ReportData, format: ReportFormat, table: CsvTable = 'statements'): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify({ version: 1, ...data }, null, 2)}\n`;
    case 'csv':
      return reportCsv(data, table);
    case 'junit':
      return junitXml(data);
    case 'html':
      return htmlReport(data);
  }
}
