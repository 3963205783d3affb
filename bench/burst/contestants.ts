/** The contestants of a burst. Each takes the same requests from the same generator, on the same two cores. */
import { join } from 'node:path';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { runFleet, startFleet } from '../load/fleet.ts';
import type { LoadRequest } from '../load/job.ts';
import type { LoadResult } from '../load/result.ts';
import { startPeer } from '../peers/process.ts';
import { measureCpu, treeCpuUs } from '../peers/usage.ts';
import { openAccount, openBooks, requireAllAccepted } from '../system/books.ts';
import { Closing, type Stoppable } from '../system/closing.ts';
import { makeSite, startFairline, untilBooked, untilKnown, untilSettled } from '../system/fairline.ts';
import { inMs } from '../system/operator.ts';
import type { Servers } from '../system/servers.ts';

export type ContestantName =
  | 'echo'
  | 'redisLog'
  | 'redisLogNoReceipts'
  | 'kafkaLog'
  | 'kafkaLogNoReceipts'
  | 'idiomatic';

/** What all bursts have in common. */
export interface BurstTerms {
  /** Where the clients' records go. */
  readonly directory: string;
}

/** One burst: `users` requests from as many new users, whose ids start with `prefix`. */
export interface Burst {
  readonly users: number;
  /** Clients that send a request, wait for the answer and send the next. */
  readonly connections: number;
  readonly prefix: string;
}

export interface BurstFigures {
  readonly entriesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time per entry by process, in microseconds. */
  readonly cpuUs: Readonly<Record<string, number>>;
  /** From the first request until the last entry is a row of the ledger. */
  readonly settledSeconds?: number;
  /** Average entries per slice: the effect of the group commit. */
  readonly entriesPerSlice?: number;
}

export interface Contestant extends Stoppable {
  readonly name: ContestantName;
  run(burst: Burst): Promise<BurstFigures>;
}

/** The campaign in the path of every peer; the echo answers with it. */
const PEER_CAMPAIGN = 7;
/** A raffle decides after its close: until then the engine does nothing but take entries in. */
const WINNERS = 100;
const OPEN_MS = 3_600_000;

function requestFor(
  { directory }: BurstTerms,
  { users, connections, prefix }: Burst,
  rest: Pick<LoadRequest, 'bases' | 'ticket' | 'expect'> & { readonly campaign: number },
): LoadRequest {
  const { campaign, expect, ...target } = rest;
  return {
    ...target,
    path: `/v1/campaigns/${campaign}/entries`,
    expect: { campaign, position: true, ...expect },
    connections,
    users: { from: 0, to: users, prefix },
    recordPath: join(directory, prefix),
  };
}

function figuresOf(
  result: LoadResult,
  cpuUs: Readonly<Record<string, number>>,
  entries: number,
): BurstFigures {
  const all = { ...cpuUs, generator: result.cpuUs };
  return {
    entriesPerSecond: result.entriesPerSecond,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpuUs: Object.fromEntries(Object.entries(all).map(([name, us]) => [name, us / entries])),
  };
}

/** A bare uWebSockets.js server that reads a body and answers. All other figures are divided by its figures. */
export async function startEcho(terms: BurstTerms): Promise<Contestant> {
  const ticket = { secret: 'nobody checks it', audience: 'fairline' };
  const peer = await startPeer('echo');
  return {
    name: 'echo',
    run: async burst => {
      const expect = { stamp: true };
      const request = requestFor(terms, burst, {
        bases: [peer.base],
        ticket,
        expect,
        campaign: PEER_CAMPAIGN,
      });
      const cpu = await measureCpu({ server: peer.pid });
      const result = await runFleet(request);
      return figuresOf(result, await cpu(), requireAllAccepted(result));
    },
    stop: () => peer.stop(),
  };
}

/** Fastify, ioredis and kafkajs, with one send, one ZADD and one ZRANK per request. */
export async function startIdiomatic(servers: Servers, terms: BurstTerms): Promise<Contestant> {
  const ticket = { secret: 'a secret of the idiomatic peer, long enough', audience: 'fairline' };
  const peer = await startPeer('idiomatic', {
    ...servers.env,
    LOG: 'kafka',
    TICKET_SECRET: ticket.secret,
    TICKET_AUDIENCE: ticket.audience,
  });
  return {
    name: 'idiomatic',
    run: async burst => {
      await servers.setFsync('everysec');
      const request = requestFor(terms, burst, { bases: [peer.base], ticket, campaign: PEER_CAMPAIGN });
      const { redis = 0, kafka = 0 } = servers.pids;
      const cpu = await measureCpu({ server: peer.pid, redis, kafka });
      const result = await runFleet(request);
      return figuresOf(result, await cpu(), requireAllAccepted(result));
    },
    stop: () => peer.stop(),
  };
}

/**
 * fairline: one gateway and one engine, with everything switched on, except receipts where their cost is measured. Each
 * burst has a raffle of its own. It counts only when clients, log, ranks and ledger agree; the raffle is drawn and has its
 * book before the next contestant's turn.
 */
export async function startFairlineContestant(
  servers: Servers,
  log: LogKind,
  terms: BurstTerms,
  receipts: 'on' | 'off' = 'on',
): Promise<Contestant> {
  const closing = new Closing();
  try {
    const site = await closing.own(makeSite(servers, log, { RECEIPTS: receipts }));
    const books = await closing.own(openBooks(site));
    const fairline = await closing.own(startFairline(site));
    const { operator, engine, gateways } = fairline;
    const { postgres = 0, redis = 0, kafka = 0 } = servers.pids;
    const pids = {
      gateway: gateways[0]?.pid ?? 0,
      engine: engine.pid,
      redis,
      ...(log === 'kafka' ? { kafka } : {}),
    };

    const run = async (burst: Burst): Promise<BurstFigures> => {
      // As in service: a log on Redis syncs to disk before it answers; a Redis that holds only projections need not.
      await servers.setFsync(log === 'redis' ? 'always' : 'everysec');
      const { id } = await operator.create({
        kind: 'raffle',
        title: `Burst ${burst.prefix}`,
        winners: WINNERS,
        closes_at: inMs(OPEN_MS),
      });
      await untilKnown(fairline, id);
      const account = await openAccount(fairline);
      const request = requestFor(terms, burst, {
        bases: gateways.map(({ base }) => base),
        ticket: site.ticket,
        expect: { stamp: true },
        campaign: id,
      });
      const fleet = await startFleet(request);
      try {
        const [cpu, postgresBeforeUs] = [await measureCpu(pids), await postgresCpuUs(postgres)];
        const result = await fleet.go();
        const accepted = requireAllAccepted(result);
        await account.untilTakenIn(fairline, accepted);
        const settledSeconds = Date.now() / 1e3 - result.startedUs / 1e6;
        const used = { ...(await cpu()), postgres: (await postgresCpuUs(postgres)) - postgresBeforeUs };
        const { slices } = await account.balance(fairline, books, id, result.recordPaths);
        await operator.close(id);
        await untilSettled(fairline, id);
        if (receipts === 'on') await untilBooked(fairline, id);
        return {
          ...figuresOf(result, used, accepted),
          settledSeconds,
          entriesPerSlice: accepted / slices,
        };
      } finally {
        await fleet.stop();
      }
    };
    const name = log === 'redis' ? 'redisLog' : 'kafkaLog';
    return { name: receipts === 'on' ? name : `${name}NoReceipts`, run, stop: () => closing.close() };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

/** 0 when somebody else started the server, so that its process is unknown. */
async function postgresCpuUs(pid: number): Promise<number> {
  return pid === 0 ? 0 : treeCpuUs(pid);
}
