/** fairline as one of the compared ways: real gateways with wrong clocks, one engine, Redis Streams. */
import { instantOf } from '../../engine/contract/record/stamp.ts';
import { median } from '../report/figures.ts';
import { type Books, LostRun, openAccount, openBooks } from '../system/books.ts';
import type { Closing } from '../system/closing.ts';
import {
  type Fairline,
  makeSite,
  type Process,
  startEngine,
  startGateway,
  untilKnown,
} from '../system/fairline.ts';
import { readMetrics, sumOf } from '../system/metrics.ts';
import { inMs, Operator } from '../system/operator.ts';
import type { Servers } from '../system/servers.ts';
import { type Sent, sendCrowd } from './clients.ts';
import { basesOf, envOf, type Skew, startEdges, type Way } from './ways.ts';

const OPEN_MS = 3_600_000;
const PRELOAD = new URL('./skewed-clock.ts', import.meta.url);
/** How long a request may wait in queues on its way, in addition to the slow link. */
const QUEUES_MS = 100;

export async function startFairlineWay(
  servers: Servers,
  skews: readonly Skew[],
  linkMs: number,
  closing: Closing,
): Promise<Way> {
  const site = await closing.own(
    makeSite(servers, 'redis', {
      TRUSTED_PROXIES: '127.0.0.1',
      REQUEST_START_WAIT_MS: String(linkMs + QUEUES_MS),
    }),
  );
  const books = await closing.own(openBooks(site));
  const engine = await closing.own(startEngine(site));
  const gateways: Process[] = [];
  for (const skew of skews) {
    const env = { ...site.env, ...envOf(skew) };
    gateways.push(await closing.own(startGateway({ ...site, env }, PRELOAD)));
  }
  const operator = new Operator(engine.base, site.operatorToken);
  const fairline: Fairline = { site, engine, gateways, operator, stop: () => closing.close() };
  const direct = gateways.map(({ base }) => base);
  const edges = await startEdges(direct.at(-1) ?? '', linkMs, closing);
  let runs = 0;
  return {
    name: 'fairline',
    run: async (route, terms) => {
      const closes_at = inMs(OPEN_MS);
      const campaign = await operator.create({ kind: 'raffle', title: 'Fairness', winners: 1, closes_at });
      await untilKnown(fairline, campaign.id);
      const account = await openAccount(fairline);
      runs += 1;
      const sent = await sendCrowd({
        ...terms,
        bases: basesOf(route, direct, edges),
        path: `/v1/campaigns/${campaign.id}/entries`,
        ticket: site.ticket,
        prefix: `f${runs}-`,
      });
      await account.untilTakenIn(fairline, sent.length);
      await requireSameOrder(books, campaign.id, sent);
      return {
        placed: sent.map(({ arrivedUs, answer }) => ({ arrivedUs, key: Number(answer.stamp) })),
        lateMs: latenessOf(sent, Date.parse(campaign.opens_at) * 1_000),
        clockBoundMs: await widestBoundMs(gateways),
      };
    },
  };
}

/** The compared order is the ledger's, which decides everything: each user was told the stamp that the ledger has. */
async function requireSameOrder(books: Books, campaignId: number, sent: readonly Sent[]): Promise<void> {
  const { rows } = await books.pool.query<{ user_id: string; stamp: number }>(
    'select user_id, stamp from entries where campaign_id = $1',
    [campaignId],
  );
  const stamps = new Map(rows.map(row => [row.user_id, row.stamp]));
  const wrong = sent.filter(({ user, answer }) => stamps.get(user) !== answer.stamp);
  if (rows.length !== sent.length || wrong.length > 0) {
    const [first] = wrong;
    throw new LostRun(
      `${sent.length} have entered; the ledger has ${rows.length}, of them ${wrong.length} with another stamp, such as ${first?.user}`,
    );
  }
}

/** For each base, the median of the stamp's instant minus the arrival at the edge, in milliseconds. */
function latenessOf(sent: readonly Sent[], opensAtUs: number): readonly number[] {
  const late: number[][] = [];
  for (const { base, arrivedUs, answer } of sent) {
    const ms = (instantOf(Number(answer.stamp), opensAtUs) - arrivedUs) / 1e3;
    late[base] = [...(late[base] ?? []), ms];
  }
  return late.map(median);
}

async function widestBoundMs(gateways: readonly Process[]): Promise<number> {
  const bounds = await Promise.all(
    gateways.map(async ({ base }) => sumOf(await readMetrics(base), 'fairline_clock_error_bound_seconds')),
  );
  return Math.max(...bounds) * 1e3;
}
