/**
 * Checks what anybody could check afterwards: the downloaded books, the raffle's proof, and the receipts of random clients; and
 * what the shop can check, the operator log.
 * The verifier runs as a process of its own, with the public keys fetched earlier.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { signTicket } from '../../../engine/contract/keys/ticket.ts';
import type { Site } from '../site.ts';
import type { Faults } from './faults.ts';

const VERIFIER = fileURLToPath(new URL('../../../engine/verify/bin.mjs', import.meta.url));
/** Receipts over all campaigns. */
const RECEIPTS = 1_000;
/** Receipts requested at once. */
const ASKERS = 20;
/** A book that is not there by then is given up. */
const BOOK_MS = 120_000;
/** Likewise a receipt. */
const RECEIPT_LIMIT_MS = 30_000;
const POLL_MS = 200;
const TICKET_SECONDS = 3_600;

export interface Proofs {
  /** Whether the verifier found nothing wrong with books, proof and receipts. */
  readonly proofVerified: boolean;
  readonly receiptsVerified: number;
}

/** A campaign that is over, and the users who entered it. */
export interface Entered {
  readonly campaign: number;
  readonly kind: 'coupon' | 'raffle';
  readonly entries: readonly { readonly user: string }[];
}

/** Downloads and verifies; adds what is wrong to `faults`. */
export async function checkProofs(
  site: Pick<Site, 'gateways' | 'ticket'>,
  evidence: readonly Entered[],
  directory: string,
  faults: Faults,
): Promise<Proofs> {
  const base = site.gateways[0] ?? '';
  const keys = join(directory, 'keys.json');
  await writeFile(keys, await (await fetch(`${base}/v1/keys`)).text());
  let receiptsVerified = 0;
  let proofVerified = true;
  for (const one of evidence) {
    const file = (name: string): string => join(directory, `${one.campaign}.${name}`);
    const args = [file('book.ndjson.gz'), '--keys', keys];
    const users = sample(
      one.entries.map(({ user }) => user),
      Math.ceil(RECEIPTS / evidence.length),
    );
    const lines = await receiptsOf(site, one.campaign, users, faults);
    if (lines.length > 0) {
      await writeFile(file('receipts.ndjson'), lines.map(line => `${line}\n`).join(''));
      args.push('--receipts', file('receipts.ndjson'));
    }
    if (one.kind === 'raffle') {
      await download(`${base}/v1/campaigns/${one.campaign}/proof`, file('proof.json'));
      args.push('--proof', file('proof.json'));
    }
    await download(`${base}/v1/campaigns/${one.campaign}/book`, file('book.ndjson.gz'));
    const found = await runVerifier(args);
    if (found === undefined) receiptsVerified += lines.length;
    else {
      proofVerified = false;
      faults.add('other', `the verifier finds fault with campaign ${one.campaign}`, found);
    }
  }
  return { proofVerified, receiptsVerified };
}

export interface CheckedLog {
  /** The pages of the operator log, one per line. */
  readonly text: string;
  /** What the verifier finds in it; undefined when there is nothing. */
  readonly found: string | undefined;
  /** What it finds when another operator was named for the first act in the database. */
  readonly foundBent: string | undefined;
}

/** Downloads the operator log and verifies it as it is, and while its first act is bent, with the keys that `checkProofs` has fetched. */
export async function checkLog(
  { operator, databaseUrl }: Pick<Site, 'operator' | 'databaseUrl'>,
  directory: string,
): Promise<CheckedLog> {
  const file = (name: string): string => join(directory, name);
  const headers = { authorization: `Bearer ${operator.token}` };
  const verified = async (name: string): Promise<Pick<CheckedLog, 'text' | 'found'>> => {
    const text = await (await fetch(`${operator.base}/v1/operator-log.ndjson`, { headers })).text();
    await writeFile(file(name), text);
    return { text, found: await runVerifier(['--log', file(name), '--keys', file('keys.json')]) };
  };
  const { text, found } = await verified('operator-log.ndjson');
  const bent = await whileBent(databaseUrl, () => verified('bent-log.ndjson'));
  return { text, found, foundBent: bent.found };
}

/** Runs `work` while the first act in the database names another operator. A superuser writes it there, past the triggers that keep acts. */
async function whileBent<T>(databaseUrl: string, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const rename = async (from: string, to: string): Promise<void> => {
    const sql = 'update operator_log set operator = $2 where seq = 1 and operator = $1';
    const { rowCount } = await client.query(sql, [from, to]);
    if (rowCount !== 1) throw new Error(`act 1 of the operator log is not one of ${from}`);
  };
  try {
    await client.query('set session_replication_role = replica');
    await rename('operator', 'mallory');
    return await work().finally(() => rename('mallory', 'operator'));
  } finally {
    await client.end();
  }
}

/** The verifier's findings; undefined when there are none. */
function runVerifier(args: readonly string[]): Promise<string | undefined> {
  return new Promise(resolve => {
    execFile(process.execPath, [VERIFIER, ...args], (error, stdout, stderr) => {
      resolve(error === null && stdout.startsWith('VALID') ? undefined : `${stdout}${stderr}`);
    });
  });
}

async function download(url: string, path: string): Promise<void> {
  const untilMs = performance.now() + BOOK_MS;
  for (;;) {
    const answer = await fetch(url);
    if (answer.status === 200) {
      await writeFile(path, Buffer.from(await answer.arrayBuffer()));
      return;
    }
    if (answer.status !== 409 || performance.now() > untilMs) {
      throw new Error(`${url} answers ${answer.status}: ${await answer.text()}`);
    }
    await answer.arrayBuffer();
    await sleep(POLL_MS);
  }
}

/** The final receipts of the users from the gateways, each with its user, as lines of JSON. */
async function receiptsOf(
  { gateways, ticket }: Pick<Site, 'gateways' | 'ticket'>,
  campaign: number,
  users: readonly string[],
  faults: Faults,
): Promise<readonly string[]> {
  const lines: string[] = [];
  const waiting = users.entries();
  const ask = async (): Promise<void> => {
    for (const [index, user] of waiting) {
      const bearer = await signTicket(user, { ...ticket, lifetimeSeconds: TICKET_SECONDS });
      const url = `${gateways[index % gateways.length]}/v1/campaigns/${campaign}/entries/me`;
      const untilMs = performance.now() + RECEIPT_LIMIT_MS;
      let said = '';
      let receipt: unknown;
      // An answer has no receipt if the ledger is too slow; the next one may have it.
      do {
        const answer = await fetch(url, { headers: { authorization: `Bearer ${bearer}` } });
        said = await answer.text();
        receipt = answer.status === 200 ? Reflect.get(JSON.parse(said), 'receipt') : undefined;
        if (receipt === undefined) await sleep(POLL_MS);
      } while (receipt === undefined && performance.now() < untilMs);
      if (receipt === undefined)
        faults.add('other', 'somebody with an entry has no receipt', `${user}: ${said}`);
      else lines.push(JSON.stringify({ receipt, user }));
    }
  };
  await Promise.all(Array.from({ length: ASKERS }, ask));
  return lines;
}

/** `count` random users, or all when there are no more. */
function sample(users: readonly string[], count: number): readonly string[] {
  const left = [...users];
  for (let index = 0; index < Math.min(count, left.length); index++) {
    const other = index + Math.floor(Math.random() * (left.length - index));
    [left[index], left[other]] = [left[other] ?? '', left[index] ?? ''];
  }
  return left.slice(0, count);
}
