/**
 * An engine makes a book while it goes on settling. Measures the cost: time, memory above the engine's memory at rest, and
 * how long users who enter meanwhile wait for their outcome.
 */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fillLedger } from '../../engine/book/testing/many-slices.ts';
import { signTicket } from '../../engine/contract/keys/ticket.ts';
import { openPool } from '../../sql/database.ts';
import { startScript } from '../peers/process.ts';
import { median } from '../report/figures.ts';
import type { Closing } from '../system/closing.ts';
import { type Fairline, makeSite, startFairline, untilKnown } from '../system/fairline.ts';
import { inMs } from '../system/operator.ts';
import type { Servers } from '../system/servers.ts';
import { until } from '../system/waiting.ts';

const OPEN_MS = 6 * 3_600_000;
const LIMIT_MS = 3_600_000;
const STOCK = 100;
const MANY = 1_000_000;
/** How long the engine is observed at rest, before the book. */
const REST_MS = 10_000;
const SAMPLE_MS = 50;
const ASK_EVERY_MS = 200;
const LOOK_MS = 10;

export interface BookTerms {
  readonly slices: number;
  readonly entries: number;
}

export interface Measured {
  readonly bookBytes: number;
  readonly makingSeconds: number;
  /** Memory of the engine at rest. */
  readonly restBytes: number;
  readonly peakBytes: number;
  /** Milliseconds from a 202 to the outcome. */
  readonly settledAtRest: readonly number[];
  readonly settledMeanwhile: readonly number[];
  readonly verifySeconds: number;
  readonly verifyPeakBytes: number;
}

export async function measureBook(
  servers: Servers,
  terms: BookTerms,
  directory: string,
  closing: Closing,
  say: (line: string) => void,
): Promise<Measured> {
  const site = await closing.own(makeSite(servers, 'redis'));
  const fairline = await closing.own(startFairline(site));
  const { engine, operator } = fairline;
  const closes_at = inMs(OPEN_MS);
  const open = await operator.create({ kind: 'coupon', title: 'Open', stock: MANY, closes_at });
  const { id, opens_at } = await operator.create({ kind: 'coupon', title: 'Book', stock: STOCK, closes_at });
  await untilKnown(fairline, open.id);
  say(`${terms.slices} slices are put into the ledger`);
  await withPool(site.databaseUrl, pool =>
    fillLedger(
      pool,
      {
        signingKey: site.env.SIGNING_KEY ?? '',
        saltSecret: site.env.RECEIPT_SALT_SECRET ?? '',
        campaign: id,
        otherCampaign: open.id,
        opensAtUs: Date.parse(opens_at) * 1_000,
        itemsASlice: 1,
        ...terms,
      },
      say,
    ),
  );
  await until('the outcomes of the entries', { everyMs: 500, limitMs: LIMIT_MS }, async () => {
    const { entries_settled } = await operator.get(id);
    return entries_settled >= terms.entries || undefined;
  });
  const entering = keepEntering(fairline, open.id);
  const rest = watchMemory(() => engine.usage());
  await sleep(REST_MS);
  const restBytes = median(await rest());
  const settledAtRest = entering.take();
  say('the campaign closes, and its book is made');
  await operator.close(id);
  await until('its end', { everyMs: SAMPLE_MS, limitMs: LIMIT_MS }, async () =>
    (await operator.get(id)).status === 'settled' ? true : undefined,
  );
  const beganMs = performance.now();
  const making = watchMemory(() => engine.usage());
  const url = `${fairline.gateways[0]?.base}/v1/campaigns/${id}/book`;
  const answer = await until('the book', { everyMs: SAMPLE_MS, limitMs: LIMIT_MS }, async () => {
    const response = await fetch(url);
    if (response.ok) return response;
    await response.body?.cancel();
    return undefined;
  });
  const makingSeconds = (performance.now() - beganMs) / 1_000;
  const peakBytes = Math.max(...(await making()));
  const settledMeanwhile = await entering.stop();
  const path = join(directory, 'book.ndjson.gz');
  const file = createWriteStream(path);
  if (answer.body === null) throw new Error('the book has no bytes');
  await pipeline(Readable.fromWeb(answer.body), file);
  await fairline.stop();
  say('the book is verified');
  const verifier = await closing.own(
    startScript(new URL('../verify/worker.ts', import.meta.url), {
      name: 'the verifier',
      args: [path, terms.entries, 1].map(String),
      readyTimeoutMs: LIMIT_MS,
    }),
  );
  const [round] = verifier.ready.rounds as readonly { readonly verifyMs: number }[];
  return {
    bookBytes: file.bytesWritten,
    ...{ makingSeconds, restBytes, peakBytes, settledAtRest, settledMeanwhile },
    verifySeconds: (round?.verifyMs ?? Number.NaN) / 1_000,
    verifyPeakBytes: Number(verifier.ready.peakBytes),
  };
}

async function withPool<T>(url: string, work: (pool: ReturnType<typeof openPool>) => Promise<T>): Promise<T> {
  const pool = openPool(url, { max: 1, applicationName: 'bench', onError: () => undefined });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/** Samples a process's memory until the returned function is called, which returns the samples. */
function watchMemory(usage: () => Promise<{ readonly rssBytes: number }>): () => Promise<readonly number[]> {
  const seen: number[] = [];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      seen.push((await usage()).rssBytes);
      await sleep(SAMPLE_MS);
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    return seen;
  };
}

interface SteadyEntries {
  /** How long each user waited, of those who were answered since the last call. */
  take(): readonly number[];
  stop(): Promise<readonly number[]>;
}

/** A new user enters every ASK_EVERY_MS and waits for their outcome. */
function keepEntering({ gateways: [gateway], site }: Fairline, campaign: number): SteadyEntries {
  let waits: number[] = [];
  let isOver = false;
  const url = `${gateway?.base}/v1/campaigns/${campaign}/entries`;
  const ask = async (number: number): Promise<void> => {
    const ticket = await signTicket(`meanwhile-${number}`, { ...site.ticket, lifetimeSeconds: 3_600 });
    const headers = { authorization: `Bearer ${ticket}` };
    const { status } = await fetch(url, { method: 'POST', headers });
    if (status !== 202) throw new Error(`an entry was answered with ${status}`);
    const beganMs = performance.now();
    await until('an outcome', { everyMs: LOOK_MS, limitMs: LIMIT_MS }, async () => {
      const answer = await fetch(`${url}/me`, { headers });
      const { outcome } = (await answer.json()) as { outcome?: string };
      return outcome === 'granted' || undefined;
    });
    waits.push(performance.now() - beganMs);
  };
  const entering = (async () => {
    for (let number = 0; !isOver; number++) {
      await ask(number);
      await sleep(ASK_EVERY_MS);
    }
  })();
  const take = (): readonly number[] => {
    const taken = waits;
    waits = [];
    return taken;
  };
  return {
    take,
    stop: async () => {
      isOver = true;
      await entering;
      return take();
    },
  };
}
