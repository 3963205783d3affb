import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NewCampaignBody } from '../../engine/api/contract/campaign-schemas.ts';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { runFleet } from '../load/fleet.ts';
import type { LoadRequest } from '../load/job.ts';
import { type Account, type Books, openAccount, openBooks, requireAllAccepted } from '../system/books.ts';
import type { Closing } from '../system/closing.ts';
import {
  type Fairline,
  makeSite,
  type Process,
  startFairline,
  startGateway,
  untilKnown,
} from '../system/fairline.ts';
import { inMs } from '../system/operator.ts';
import type { Servers } from '../system/servers.ts';
import { PROBE } from './ask-probe.ts';
import { bytesByKey, type RedisMemory, usedMemory } from './redis-memory.ts';

/** Names of the users in the queue: w0000000, w0000001 ... */
export const QUEUED = { prefix: 'w', digits: 7 } as const;
/** Time for trimming, for idle buffers to shrink, and for memory to be returned. */
export const SETTLE_MS = 8_000;
const OPEN_MS = 3_600_000;

/** One fairline with a campaign that is full of people. */
export interface Queue {
  readonly fairline: Fairline;
  readonly gateway: Process;
  readonly books: Books;
  readonly campaign: number;
  readonly account: Account;
}

const RAFFLE = { kind: 'raffle', winners: 100 } as const;

/** Starts a fairline with one gateway and an open campaign, a raffle unless told otherwise. */
export async function openQueue(
  servers: Servers,
  log: LogKind,
  closing: Closing,
  rules: Pick<NewCampaignBody, 'kind'> & Partial<NewCampaignBody> = RAFFLE,
): Promise<Queue> {
  const site = await closing.own(makeSite(servers, log));
  const books = await closing.own(openBooks(site));
  const fairline = await closing.own(startFairline(site));
  const [gateway] = fairline.gateways;
  if (gateway === undefined) throw new Error('there is no gateway');
  const { id: campaign } = await fairline.operator.create({
    title: 'Watched',
    ...rules,
    closes_at: inMs(OPEN_MS),
  });
  await untilKnown(fairline, campaign);
  return { fairline, gateway, books, campaign, account: await openAccount(fairline) };
}

/**
 * The same with a new gateway that has the probe and has done nothing yet: a gateway that has just taken a burst returns
 * memory for a minute, more than watchers take.
 */
export async function withNewGateway(queue: Queue, closing: Closing): Promise<Queue> {
  await queue.gateway.stop();
  const gateway = await closing.own(startGateway(queue.fairline.site, PROBE));
  await untilKnown({ gateways: [gateway] }, queue.campaign);
  return { ...queue, gateway };
}

/** A burst into the raffle; the caller adds the users. */
export function loadFor(
  { fairline, gateway, campaign }: Queue,
  connections: number,
): Omit<LoadRequest, 'users'> {
  return {
    bases: [gateway.base],
    path: `/v1/campaigns/${campaign}/entries`,
    ticket: fairline.site.ticket,
    expect: { campaign, stamp: true, position: true },
    connections,
  };
}

/** Fills the queue, and returns the Redis memory that it takes once the log has been trimmed. */
export async function fill(
  queue: Queue,
  { users, connections }: { readonly users: number; readonly connections: number },
  directory: string,
  say: (line: string) => void,
): Promise<RedisMemory> {
  const { fairline, books, campaign, account } = queue;
  const { log } = fairline.site;
  await sleep(SETTLE_MS);
  const before = await usedMemory(books.redis);
  const keysBefore = sumOfBytes(await bytesByKey(books.redis, fairline.site));
  const result = await runFleet({
    ...loadFor(queue, connections),
    users: { ...QUEUED, from: 0, to: users },
    recordPath: join(directory, log),
  });
  const accepted = requireAllAccepted(result);
  await account.untilTakenIn(fairline, accepted);
  await account.balance(fairline, books, campaign, result.recordPaths);
  await sleep(SETTLE_MS);
  const bytesPerUser = ((await usedMemory(books.redis)) - before) / accepted;
  const keys = await bytesByKey(books.redis, fairline.site);
  const memory: RedisMemory = {
    log,
    users: accepted,
    bytesPerUser,
    keyBytesPerUser: (sumOfBytes(keys) - keysBefore) / accepted,
    bytesByKey: keys,
  };
  say(`log ${log}: ${accepted} in the queue, ${bytesPerUser.toFixed(1)} bytes of Redis each`);
  return memory;
}

function sumOfBytes(bytes: Readonly<Record<string, number>>): number {
  return Object.values(bytes).reduce((sum, one) => sum + one, 0);
}
