import { loadReport, type ReportFormat, renderReport } from '../../client/index.ts';
import { api } from '../lib/api.ts';
import { download } from '../lib/download.ts';

/** Formats of a report, with the file that each is handed over as. */
export const REPORTS: readonly {
  readonly format: ReportFormat;
  readonly title: string;
  readonly extension: string;
  readonly type: string;
}[] = [
  { format: 'html', title: 'HTML', extension: 'html', type: 'text/html' },
  { format: 'json', title: 'JSON', extension: 'json', type: 'application/json' },
  { format: 'csv', title: 'CSV', extension: 'csv', type: 'text/csv' },
  { format: 'junit', title: 'JUnit', extension: 'junit.xml', type: 'application/xml' },
];

/** Makes the report of an ended run and hands it to the browser. */
export async function downloadReport(replayId: string, report: (typeof REPORTS)[number]): Promise<void> {
  const data = await loadReport(api(), replayId);
  download(`replay-${replayId}.${report.extension}`, report.type, renderReport(data, report.format));
}
