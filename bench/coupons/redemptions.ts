/**
 * Redemptions per second of one popular coupon over HTTP, divided by the bare statement that counts one use under a limit.
 * Both run for the same time, with as many clients that wait for each other's row, and commit to disk.
 */
import pg from 'pg';
import type { Bench } from '../bench.ts';
import { measureCpu, treeCpuUs } from '../peers/usage.ts';
import { median, ratioOf } from '../report/figures.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { LostRun } from '../system/books.ts';
import type { Servers } from '../system/servers.ts';
import { runJob } from './run.ts';
import { CODE, type CouponSite, startCouponSite } from './site.ts';

const options = {
  rounds: whole(5, 1, 100, 'rounds; in each one, both take their turn'),
  clients: whole(64, 1, 1_000, 'baskets at once'),
  connections: whole(8, 1, 64, 'connections of the bare update, in a closed loop'),
  seconds: whole(4, 1, 60, 'seconds a turn'),
  json: flag('a JSON object as the last line'),
};

interface Figures {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** CPU time per redemption, in microseconds. */
  readonly clientCpuUs: number;
  readonly gatewayCpuUs: number;
  readonly postgresCpuUs: number;
}

const BODY = JSON.stringify({
  user: 'user-{n}',
  currency: 'EUR',
  lines: [
    { product: 'shoe', categories: ['shoes'], quantity: 1, unit_amount: 8_990 },
    { product: 'sock', categories: ['socks'], quantity: 3, unit_amount: 490 },
  ],
  shipping: 490,
  codes: [CODE],
});

export const redemptions: Bench<typeof options> = {
  summary: 'redemptions/s of one coupon through HTTP, against a bare update of a counter',
  options,
  kafka: 'no',
  run: async ({ servers, options: chosen, closing, say }) => {
    const site = await closing.own(startCouponSite(servers));
    await site.client.query(
      `create table bare (id integer primary key, used integer not null, total integer not null);
       insert into bare values (1, 0, 1000000000)`,
    );
    const turns = {
      bare: () => measureBare(servers, site, chosen),
      redeemed: (from: number) => measureRedemptions(servers, site, chosen, from),
    };
    await turns.redeemed(0);
    const rounds: { readonly bare: Figures; readonly redeemed: Figures }[] = [];
    for (let round = 1; round <= chosen.rounds; round++) {
      const from = round * 10_000_000;
      const bareFirst = round % 2 === 1 ? await turns.bare() : undefined;
      const redeemed = await turns.redeemed(from);
      const bare = bareFirst ?? (await turns.bare());
      rounds.push({ bare, redeemed });
      const [some, others] = [Math.round(redeemed.perSecond), Math.round(bare.perSecond)];
      say(`round ${round} of ${chosen.rounds}: ${some} redemptions/s, ${others} bare updates/s`);
    }
    return resultOf(rounds);
  },
};

function resultOf(rounds: readonly { readonly bare: Figures; readonly redeemed: Figures }[]) {
  const ratio = ratioOf(
    rounds.map(({ redeemed }) => redeemed.perSecond),
    rounds.map(({ bare }) => bare.perSecond),
  );
  const medians = (name: 'bare' | 'redeemed'): Figures => {
    const of = (member: keyof Figures): number => median(rounds.map(round => round[name][member]));
    return {
      perSecond: of('perSecond'),
      p99Ms: of('p99Ms'),
      clientCpuUs: of('clientCpuUs'),
      gatewayCpuUs: of('gatewayCpuUs'),
      postgresCpuUs: of('postgresCpuUs'),
    };
  };
  const [bare, redeemed] = [medians('bare'), medians('redeemed')];
  const row = (title: string, figures: Figures, over: number): (string | number)[] => [
    title,
    figures.perSecond,
    over,
    figures.p99Ms,
    figures.gatewayCpuUs,
    figures.postgresCpuUs,
  ];
  const goals: readonly Goal[] = [
    {
      what: 'redemptions ÷ bare update',
      value: ratio.median,
      unit: '',
      must: 0.5,
      aim: 0.8,
      better: 'more',
    },
  ];
  const text = table(
    ['', 'a second', '÷ bare', 'p99 ms', 'CPU us each: gateway', 'postgres'],
    [
      row('update … set used = used + 1 where used < total', bare, 1),
      row('POST /v1/redemptions', redeemed, ratio.median),
    ],
  );
  return { text, goals, json: { ratio: ratio.median, spread: ratio, bare, redeemed } };
}

type LoadOptions = Readonly<Record<'clients' | 'connections' | 'seconds', number>>;

async function measureRedemptions(
  servers: Servers,
  { base, headers, client, gatewayPid }: CouponSite,
  { clients, seconds }: LoadOptions,
  from: number,
): Promise<Figures> {
  const before = await usesOf(client);
  const job = {
    base,
    method: 'POST',
    path: '/v1/redemptions',
    headers: { ...headers, 'idempotency-key': 'bench-{n}' },
    body: BODY,
    connections: clients,
    seconds,
    from,
    status: 201,
  } as const;
  const { run, beside } = await runJob(job, () => cpuOf(servers, gatewayPid));
  const made = (await usesOf(client)) - before;
  if (made !== run.answered) throw new LostRun(`${run.answered} were told of a use, and ${made} stand there`);
  return {
    perSecond: run.answered / run.seconds,
    p99Ms: run.p99Ms,
    clientCpuUs: run.cpuUs / run.answered,
    gatewayCpuUs: beside.gateway / run.answered,
    postgresCpuUs: beside.postgres / run.answered,
  };
}

/** Uses counted by the ledger, which must equal the uses that it lists. */
async function usesOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ used: number; shown: string }>(
    `select used_count as used, (select count(*) from redemption_uses where given_back_at is null) as shown
       from coupons`,
  );
  const [row] = rows;
  if (row === undefined || row.used !== Number(row.shown))
    throw new LostRun(`it has ${JSON.stringify(rows)}`);
  return row.used;
}

async function measureBare(
  servers: Servers,
  { site, client, gatewayPid }: CouponSite,
  { connections, seconds }: LoadOptions,
): Promise<Figures> {
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const one = new pg.Client({ connectionString: site.databaseUrl });
      await one.connect();
      return one;
    }),
  );
  try {
    const countOf = async (): Promise<number> =>
      (await client.query<{ used: number }>('select used from bare')).rows[0]?.used ?? 0;
    const before = await countOf();
    const end = await cpuOf(servers, gatewayPid);
    const cpu = process.cpuUsage();
    const beganMs = performance.now();
    const endMs = beganMs + 1e3 * seconds;
    const latenciesMs: number[] = [];
    const loop = async (one: pg.Client): Promise<void> => {
      for (let sentMs = performance.now(); sentMs < endMs; ) {
        // Prepared once per connection, so that the server parses and plans nothing.
        const { rowCount } = await one.query({
          name: 'bare',
          text: 'update bare set used = used + 1 where id = 1 and used < total',
        });
        if (rowCount !== 1) throw new LostRun('a bare update found no row');
        const nowMs = performance.now();
        latenciesMs.push(nowMs - sentMs);
        sentMs = nowMs;
      }
    };
    await Promise.all(clients.map(loop));
    const took = (performance.now() - beganMs) / 1e3;
    const { user, system } = process.cpuUsage(cpu);
    const { postgres } = await end();
    const count = latenciesMs.length;
    if ((await countOf()) - before !== count) throw new LostRun('the counter is not what was added to it');
    latenciesMs.sort((a, b) => a - b);
    return {
      perSecond: count / took,
      p99Ms: latenciesMs[Math.floor(0.99 * (count - 1))] ?? 0,
      clientCpuUs: (user + system) / count,
      gatewayCpuUs: 0,
      postgresCpuUs: postgres / count,
    };
  } finally {
    await Promise.all(clients.map(one => one.end()));
  }
}

async function cpuOf(
  { pids }: Servers,
  gatewayPid: number,
): Promise<() => Promise<{ readonly gateway: number; readonly postgres: number }>> {
  const ofPostgres = async (): Promise<number> =>
    pids.postgres === undefined ? 0 : treeCpuUs(pids.postgres);
  const before = await ofPostgres();
  const used = await measureCpu({ gateway: gatewayPid });
  return async () => ({ gateway: (await used()).gateway ?? 0, postgres: (await ofPostgres()) - before });
}
