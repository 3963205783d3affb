/** CSV according to RFC 4180, safe to open in a spreadsheet. */
import type { Campaign } from '../../../sql/statements/campaigns/campaigns.ts';
import type { EntryOutcome } from '../../../sql/statements/entries/outcomes.ts';
import type { EntryJson } from '../contract/entry-schemas.ts';
import { entryJson } from '../routes/campaign-json.ts';

export const CSV_MEDIA_TYPE = 'text/csv';

const COLUMNS = [
  'user_id',
  'stamp',
  'requested_at',
  'outcome',
  'serial',
  'code',
  'granted_at',
  'claim_by',
  'ended_at',
] as const satisfies readonly (keyof EntryJson)[];

/** The header line, then the entries, in chunks of text. */
export async function* entriesCsv(
  campaign: Campaign,
  chunks: AsyncIterable<readonly EntryOutcome[]>,
): AsyncGenerator<string, void> {
  yield line(COLUMNS);
  for await (const chunk of chunks) {
    yield chunk
      .map(entry => {
        const json = entryJson(entry, campaign);
        return line(COLUMNS.map(column => json[column]));
      })
      .join('');
  }
}

function line(values: readonly (string | number | null)[]): string {
  return `${values.map(field).join(',')}\r\n`;
}

/**
 * One field. A text that a spreadsheet would treat as a formula gets a leading apostrophe (OWASP, "CSV Injection"): others
 * choose the user ids.
 */
export function field(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
