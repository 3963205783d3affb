/**
 * A ledger with a history: entries of many campaigns that are over, grants, slices with receipts, accounts with a session, and
 * redemptions. Everything is written by SQL; nobody has entered.
 */
import { generateKeyPairSync } from 'node:crypto';
import { SliceReceipts } from '../../engine/contract/record/receipt.ts';
import { ITEM_ENTRY, RecordEncoder, SOURCE_ARRIVAL } from '../../engine/contract/record/record.ts';
import { NO_PREVIOUS, signSliceHead } from '../../engine/contract/record/slice-head.ts';
import { SliceTree } from '../../engine/contract/record/slice-tree.ts';
import { openPool, type Pool } from '../../sql/database.ts';
import { insertSlices, type SliceRow } from '../../sql/statements/books/slices.ts';
import { markRanks } from '../../sql/statements/campaigns/shelving.ts';

/** As a burst of 400 connections makes them. */
const SLICE_ENTRIES = 400;
/** Entries of one user, each in another campaign. */
export const ENTRIES_A_USER = 10;
/** One of so many entries was granted something. */
const GRANTED_OF = 10;
const FIRST_OPENING_MS = Date.UTC(2020, 0, 1);
const HOUR_MS = 3_600_000;
const LOST = new Error('a slice or an entry of the fill is missing');

export interface History {
  readonly entries: number;
  readonly campaigns: number;
}

/** What one person has at hand; the user, address, code, serial and receipt are theirs. */
export interface Customer {
  readonly user: string;
  readonly address: string;
  readonly code: string;
  readonly campaign: number;
  readonly serial: number;
  readonly receipt: unknown;
}

/** The id of the account of user `number`: 32 characters. */
const userOf = (number: number): string => String(number).padStart(32, 'f');
const USER_SQL = (number: string): string => `lpad((${number})::text, 32, 'f')`;

/**
 * Fills an empty ledger, whose campaigns begin with 1. In campaign c, entry k (from 0) is of user (c - 1) * perCampaign + k modulo
 * the number of users, with the stamp (k + 1) * 1024. Returns `customers` of them, from all over.
 */
export async function fill(
  databaseUrl: string,
  { entries, campaigns }: History,
  customers: number,
): Promise<readonly Customer[]> {
  const pool = openPool(databaseUrl, {
    max: 1,
    applicationName: 'bench',
    timeoutMs: 600_000,
    onError: () => undefined,
  });
  try {
    const perCampaign = Math.floor(entries / campaigns);
    const users = Math.floor(entries / ENTRIES_A_USER);
    await insertCampaigns(pool, campaigns, perCampaign);
    await pool.query(
      `insert into entries (campaign_id, user_id, stamp)
       select c, ${USER_SQL('((c - 1)::bigint * $2 + k) % $3')}, (k + 1) * 1024
         from generate_series(1, $1::integer) c, generate_series(0, $2::bigint - 1) k`,
      [campaigns, perCampaign, users],
    );
    await pool.query(
      `insert into grants (campaign_id, serial, user_id, code)
       select campaign_id, stamp / 1024, user_id, 'C' || campaign_id || '-' || stamp / 1024 from entries
        where stamp <= $1::bigint * 1024`,
      [Math.floor(perCampaign / GRANTED_OF)],
    );
    await insertPeople(pool, users);
    for (let campaign = 1; campaign <= campaigns; campaign++) while (await markRanks(pool, campaign, 1_000));
    const wanted = wantedOf({ entries, campaigns }, customers);
    const receipts = await insertAllSlices(pool, { campaigns, perCampaign, users }, wanted);
    await pool.query('vacuum analyze');
    return wanted.map(({ campaign, entry }, index): Customer => {
      const number = ((campaign - 1) * perCampaign + entry) % users;
      return {
        ...{ user: userOf(number), address: `fan-${number}@example.com`, campaign, serial: entry + 1 },
        ...{ code: `C${campaign}-${entry + 1}`, receipt: receipts[index] },
      };
    });
  } finally {
    await pool.end();
  }
}

interface Wanted {
  readonly campaign: number;
  /** From 0: one that was granted. */
  readonly entry: number;
}

/** Spread over all campaigns, and over what was granted in each. */
function wantedOf({ entries, campaigns }: History, customers: number): readonly Wanted[] {
  const granted = Math.max(1, Math.floor(Math.floor(entries / campaigns) / GRANTED_OF));
  return Array.from({ length: customers }, (_, index) => ({
    campaign: 1 + (Math.floor((index * campaigns) / customers) % campaigns),
    entry: (index * 7_919) % granted,
  }));
}

async function insertCampaigns(pool: Pool, campaigns: number, perCampaign: number): Promise<void> {
  await pool.query(
    `insert into campaigns (kind, title, places, opens_at, closes_at, made_by, settled_stamp, settled_count, granted_count,
                            frozen_at, finished_at, shelved_at)
     select 'coupon', 'Drop ' || n, $2::integer, at, at + interval '1 hour', 'bench', $2::bigint * 1024, $2, $3::integer, at, at, at
       from generate_series(1, $1::integer) n
      cross join lateral (select to_timestamp($4::double precision / 1000) + n * interval '1 hour' as at) as opening`,
    [campaigns, perCampaign, Math.floor(perCampaign / GRANTED_OF), FIRST_OPENING_MS],
  );
}

async function insertPeople(pool: Pool, users: number): Promise<void> {
  await pool.query(
    `with made as (
       insert into fans (id, name, email, email_verified, locale, created_at, updated_at)
       select ${USER_SQL('n')}, '', 'fan-' || n || '@example.com', true, 'en', now(), now() from generate_series(0, $1::integer - 1) n
       returning id, credential_version)
     insert into fan_sessions (id, fan_id, token, expires_at, ip_address, user_agent, created_at, updated_at, credential_version)
     select id, id, id, now() + interval '1 day', '203.0.113.0', 'bench', now(), now(), credential_version from made`,
    [users],
  );
  await pool.query(
    `with made as (
       insert into redemptions (user_id, state, basket, pricing, created_at, redeemed_at)
       select ${USER_SQL('n')}, 'redeemed', '{"currency":"EUR"}', '{"total":900}', now(), now() from generate_series(0, $1::integer - 1) n
       returning redemption_id)
     insert into refunds (redemption_id, refund_number, refund, refunded_at) select redemption_id, 1, '{"amount":900}', now() from made`,
    [users],
  );
}

/** Signs and stores every slice; returns the receipts of the wanted entries. */
async function insertAllSlices(
  pool: Pool,
  { campaigns, perCampaign, users }: { campaigns: number; perCampaign: number; users: number },
  wanted: readonly Wanted[],
): Promise<readonly unknown[]> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const tree = new SliceTree('a secret of this bench, 32 characters or more');
  const encoder = new RecordEncoder();
  const receipts: unknown[] = Array.from({ length: wanted.length });
  let sliceNumber = 0;
  for (let campaign = 1; campaign <= campaigns; campaign++) {
    const opensAtUs = (FIRST_OPENING_MS + campaign * HOUR_MS) * 1000;
    const rows: SliceRow[] = [];
    for (let first = 0; first < perCampaign; first += SLICE_ENTRIES) {
      const count = Math.min(SLICE_ENTRIES, perCampaign - first);
      encoder.begin(true);
      for (let entry = first; entry < first + count; entry++) {
        const user = userOf(((campaign - 1) * perCampaign + entry) % users);
        encoder.add(ITEM_ENTRY, campaign, (entry + 1) * 1024, user);
      }
      const items = Buffer.from(encoder.items);
      const root = tree.build(items, count).root();
      const times = { firstUs: opensAtUs + first + 1, lastUs: opensAtUs + first + count };
      const numbers = { gateway: 0, incarnation: 1, sliceNumber: ++sliceNumber, ...times };
      const head = { ...numbers, count, root, previous: NO_PREVIOUS };
      const signedHead = signSliceHead(head, Buffer.alloc(8, 1), privateKey);
      rows.push({ ...numbers, signedHead, items });
      for (const [index, { campaign: of, entry }] of wanted.entries()) {
        if (of !== campaign || entry < first || entry >= first + count) continue;
        const made = new SliceReceipts(tree, count, signedHead);
        const text = made.textOf(entry - first, ITEM_ENTRY, campaign, (entry + 1) * 1024, SOURCE_ARRIVAL);
        receipts[index] = JSON.parse(text);
      }
    }
    await insertSlices(pool, rows);
  }
  if (receipts.includes(undefined)) throw LOST;
  return receipts;
}
