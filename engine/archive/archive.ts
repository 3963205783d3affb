/**
 * Archives a campaign: its entries, slices, redemptions and what shops asked for them go into a file, its book beside it, and
 * leave the ledger. In this order, so that a kill at any moment loses nothing and the next run goes on:
 *
 * 1. the file is written, put on disk, and read back;
 * 2. the ledger notes it, with the totals and the ranks of those who stay, in one transaction;
 * 3. rows that stand in the file exactly as they are in the ledger are deleted, some at a time; one that is another by now stays,
 *    and a basket goes whole or not at all.
 *
 * A campaign that is on the shelf alone can be archived: Redis is never made anew from what has left.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { beginStaging, stageRows } from '../../sql/archived-baskets.ts';
import {
  ARCHIVED_TABLES,
  type Archivable,
  type ArchivedTable,
  closeArchive,
  deleteEntries,
  emptySlices,
  insertArchive,
  markKeptRanks,
  readArchivable,
  readArchive,
  readArchived,
  readArchivePage,
  readFirstNeeded,
} from '../../sql/archives.ts';
import { readBookPart } from '../../sql/books.ts';
import { type Connection, type Pool, type Queryable, transactionOn } from '../../sql/database.ts';
import { readTotals } from '../../sql/outcomes.ts';
import { decodeItems, SOURCE_BIT } from '../contract/record.ts';
import { decodeSignedHead } from '../contract/slice-head.ts';
import type { Archiving } from './archiving.ts';
import { letGoOfBaskets } from './baskets.ts';
import {
  type ArchiveHead,
  BadArchive,
  type Counts,
  checkFile,
  type FileRow,
  FORMAT,
  hashOf,
  noCounts,
  onDisk,
  readPages,
  writeFile,
} from './format.ts';

/** In one statement: more would hold rows and memory for longer than others notice. */
const PAGE_ROWS = 2_000;
const SLICES_A_PAGE = 100;

/** Why a campaign cannot be archived, for people. */
export class NotArchivable extends Error {}

export interface ArchiveTerms {
  readonly directory: string;
  /** Leaves redemptions in the ledger, where what was granted may still be used. */
  readonly keepsRedemptions: boolean;
}

export interface Archived {
  readonly file: string;
  readonly counts: Counts;
  /** Slices whose items are still needed in the ledger; a later run lets them go. */
  readonly slicesKept: number;
}

/** Rejects with NotArchivable. */
export async function requireArchivable(
  db: Queryable,
  campaignId: number,
  keepsRedemptions: boolean,
): Promise<Archivable> {
  const campaign = await readArchivable(db, campaignId);
  if (campaign === undefined) throw new NotArchivable(`there is no campaign ${campaignId}`);
  const { isFinished, isShelved, lacksBook, hasOpenClaims, hasOpenCoupons } = campaign;
  const why = !isFinished
    ? 'has not come to its end'
    : lacksBook
      ? 'has no book yet'
      : !isShelved
        ? 'is still in Redis: it leaves by itself (SHELVE_AFTER_S)'
        : hasOpenClaims
          ? 'has something that can still be claimed'
          : hasOpenCoupons && !keepsRedemptions
            ? 'has granted what can still be redeemed; with --keep-redemptions the rest of it can leave'
            : undefined;
  if (why !== undefined) throw new NotArchivable(`campaign ${campaignId} ${why}`);
  return campaign;
}

export function fileNameOf(campaignId: number): string {
  return `campaign-${campaignId}.archive.ndjson.gz`;
}

/** Archives it, or goes on with what was begun. Rejects with NotArchivable, and with BadArchive where its file is not whole. */
export async function archiveCampaign(
  { pool, writer }: Archiving,
  campaignId: number,
  { directory, keepsRedemptions }: ArchiveTerms,
): Promise<Archived> {
  const path = join(directory, fileNameOf(campaignId));
  const known = await readArchive(writer, campaignId);
  if (known === undefined) {
    const campaign = await requireArchivable(writer, campaignId, keepsRedemptions);
    await makeDirectory(resolve(directory));
    await makeFile(pool, campaign, { directory, keepsRedemptions }, path);
    await note(writer, campaign, path);
  } else await requireSame(path, known.sha256);
  const counts = await checkFile(path);
  const slicesKept = await letGo(writer, path);
  await closeArchive(writer, campaignId, slicesKept);
  return { file: path, counts, slicesKept };
}

/** It is on disk when this resolves, as are the folders above it that were not there. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await onDisk(dirname(made));
}

/** The file that the ledger has noted. */
export async function requireSame(path: string, sha256: Buffer): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) throw new BadArchive(`${path} is not there, and the ledger has let go of what stands in it`);
  if (!(await hashOf(path)).equals(sha256))
    throw new BadArchive(`${path} is not the file that the ledger has noted`);
}

/** All of it as of one moment. Under its name it is whole, and on disk. */
async function makeFile(
  pool: Pool,
  campaign: Archivable,
  { directory, keepsRedemptions }: ArchiveTerms,
  path: string,
): Promise<void> {
  const bookHash = campaign.hasBook ? await writeBook(pool, campaign.campaignId, directory) : null;
  const head: ArchiveHead = {
    format: FORMAT,
    campaign: campaign.campaignId,
    title: campaign.title,
    written_at: new Date().toISOString(),
    book_sha256: bookHash,
    keeps_redemptions: keepsRedemptions,
  };
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const written = await writeFile(
      `${path}.part`,
      head,
      rowsOf(client, campaign, tablesOf(keepsRedemptions)),
    );
    await client.query('commit');
    const read = await checkFile(`${path}.part`);
    if (JSON.stringify(read) !== JSON.stringify(written))
      throw new BadArchive(`${path} was read back with other rows than were written`);
  } finally {
    client.release(true);
  }
  await rename(`${path}.part`, path);
  await onDisk(directory);
}

/** What would be written, by table. Rejects with NotArchivable. */
export async function rehearseArchive(
  pool: Pool,
  campaignId: number,
  keepsRedemptions: boolean,
): Promise<Counts> {
  const campaign = await requireArchivable(pool, campaignId, keepsRedemptions);
  const counts = noCounts();
  for await (const { table } of rowsOf(pool, campaign, tablesOf(keepsRedemptions))) counts[table] += 1;
  return counts;
}

function tablesOf(keepsRedemptions: boolean): readonly ArchivedTable[] {
  return keepsRedemptions ? ['entries', 'slices'] : ARCHIVED_TABLES;
}

async function* rowsOf(
  db: Queryable,
  campaign: Archivable,
  tables: readonly ArchivedTable[],
): AsyncGenerator<FileRow> {
  for (const table of tables) {
    const limit = table === 'slices' ? SLICES_A_PAGE : PAGE_ROWS;
    for (let after = ''; ; ) {
      const page = await readArchivePage(db, table, campaign, after, limit);
      for (const { row } of page) {
        if (table !== 'slices' || campaignsIn(row).has(campaign.campaignId)) yield { table, row };
      }
      const last = page.at(-1);
      if (last === undefined || page.length < limit) break;
      after = last.key;
    }
  }
}

/** The campaigns that a slice, as it stands in a file, has items of. */
function campaignsIn(row: string): ReadonlySet<number> {
  const slice = Object(JSON.parse(row));
  const bytes = (name: string): Buffer => Buffer.from(String(Reflect.get(slice, name)).slice(2), 'hex');
  const { count } = decodeSignedHead(bytes('signed_head'));
  return new Set(decodeItems(bytes('items'), 0, count, SOURCE_BIT).map(({ campaignId }) => campaignId));
}

/** The book as gateways hand it out. Answers its hash, in hex. */
async function writeBook(pool: Pool, campaignId: number, directory: string): Promise<string> {
  const path = join(directory, `campaign-${campaignId}.book.ndjson.gz`);
  const hash = createHash('sha256');
  const parts = async function* (): AsyncGenerator<Buffer> {
    for (let part = 0; ; part++) {
      const bytes = await readBookPart(pool, campaignId, part);
      if (bytes === undefined) return;
      hash.update(bytes);
      yield bytes;
    }
  };
  await pipeline(Readable.from(parts()), createWriteStream(path));
  await onDisk(path);
  const written = hash.digest();
  if (!(await hashOf(path)).equals(written)) throw new BadArchive(`${path} was read back as something else`);
  return written.toString('hex');
}

/** From here on whoever does not find an entry is told where it is. */
async function note(writer: Connection, { campaignId }: Archivable, path: string): Promise<void> {
  const counts = await checkFile(path);
  const sha256 = await hashOf(path);
  await transactionOn(writer, async db => {
    const totals = await readTotals(db, campaignId);
    await markKeptRanks(db, campaignId);
    await insertArchive(db, { campaignId, file: fileNameOf(campaignId), sha256, counts, totals });
  });
}

/** Lets everything go that stands in the file. Answers how many slices have to stay for now. */
async function letGo(writer: Connection, path: string): Promise<number> {
  let slicesKept = 0;
  await beginStaging(writer);
  for await (const { table, rows } of readPages(path)) {
    if (table === 'entries') await deleteEntries(writer, rows);
    else if (table === 'slices') slicesKept += await letGoOfSlices(writer, rows);
    else await stageRows(writer, table, rows);
  }
  await letGoOfBaskets(writer);
  return slicesKept;
}

/** Items that another campaign or a book still needs stay. Answers of how many slices. */
async function letGoOfSlices(writer: Connection, rows: readonly string[]): Promise<number> {
  const carried = rows.map(campaignsIn);
  const all = [...new Set(carried.flatMap(ids => [...ids]))];
  const archived = await readArchived(writer, all);
  const neededFromUs = await readFirstNeeded(writer);
  const leaving = rows.filter((row, index) => {
    const lastUs = Number(Reflect.get(Object(JSON.parse(row)), 'last_us'));
    return lastUs < neededFromUs && [...(carried[index] ?? [])].every(id => archived.has(id));
  });
  await emptySlices(writer, leaving);
  return rows.length - leaving.length;
}
