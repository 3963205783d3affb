/**
 * Reads per second of one coupon from the gateway's copy, divided by the bare echo. Redemptions go on meanwhile, so that
 * the copy is discarded and rebuilt as in service. At the end the copy is compared with the ledger.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { startPeer } from '../peers/process.ts';
import { measureCpu } from '../peers/usage.ts';
import { median, ratioOf } from '../report/figures.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { LostRun } from '../system/books.ts';
import { runJob } from './run.ts';
import { CODE, type CouponSite, startCouponSite } from './site.ts';

const options = {
  rounds: whole(5, 1, 100, 'rounds; in each one, both take their turn'),
  connections: whole(400, 1, 10_000, 'connections, in a closed loop'),
  seconds: whole(4, 1, 60, 'seconds a turn'),
  'redeem-every': whole(100, 0, 10_000, 'milliseconds between redemptions meanwhile; 0: none'),
  json: flag('a JSON object as the last line'),
};

interface Figures {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** CPU time per request, in microseconds. */
  readonly serverCpuUs: number;
}

export const couponReads: Bench<typeof options> = {
  summary: 'reads/s of a coupon from its copy, while it is redeemed, against the echo',
  options,
  kafka: 'no',
  run: async ({ servers, options: chosen, closing, say }) => {
    const site = await closing.own(startCouponSite(servers));
    const echo = await closing.own(startPeer('echo'));
    const measure = async (pid: number, base: string, job: object): Promise<Figures> => {
      const { connections, seconds } = chosen;
      const whole = { ...ECHO, base, connections, seconds, from: 0, ...job };
      const { run, beside } = await runJob(whole, () => measureCpu({ server: pid }));
      return {
        perSecond: run.answered / run.seconds,
        p99Ms: run.p99Ms,
        serverCpuUs: (beside.server ?? 0) / run.answered,
      };
    };
    const turns = {
      echo: () => measure(echo.pid, echo.base, {}),
      reads: () =>
        redeeming(site, chosen['redeem-every'], () =>
          measure(site.gatewayPid, site.base, {
            method: 'GET',
            path: `/v1/coupons/${CODE}`,
            headers: site.headers,
            status: 200,
          }),
        ),
    };
    await turns.reads();
    await turns.echo();
    const rounds: { readonly echo: Figures; readonly reads: Figures }[] = [];
    for (let round = 1; round <= chosen.rounds; round++) {
      const first = round % 2 === 1 ? await turns.echo() : undefined;
      const reads = await turns.reads();
      const echoed = first ?? (await turns.echo());
      rounds.push({ echo: echoed, reads });
      const [some, others] = [Math.round(reads.perSecond), Math.round(echoed.perSecond)];
      say(`round ${round} of ${chosen.rounds}: ${some} reads/s, ${others} echoes/s`);
    }
    return resultOf(rounds);
  },
};

/** The request looks like an entry, which the echo is made for. */
const ECHO = {
  method: 'POST',
  path: '/v1/campaigns/7/entries',
  headers: { authorization: `Bearer ${'x'.repeat(172)}`, 'content-length': '0' },
  body: '',
  status: 202,
} as const;

function resultOf(rounds: readonly { readonly echo: Figures; readonly reads: Figures }[]) {
  const ratio = ratioOf(
    rounds.map(({ reads }) => reads.perSecond),
    rounds.map(({ echo }) => echo.perSecond),
  );
  const medians = (name: 'echo' | 'reads'): Figures => {
    const of = (member: keyof Figures): number => median(rounds.map(round => round[name][member]));
    return { perSecond: of('perSecond'), p99Ms: of('p99Ms'), serverCpuUs: of('serverCpuUs') };
  };
  const [echo, reads] = [medians('echo'), medians('reads')];
  const goals: readonly Goal[] = [
    { what: 'coupon reads ÷ echo', value: ratio.median, unit: '', must: 0.5, aim: 0.7, better: 'more' },
  ];
  const text = table(
    ['', 'a second', '÷ echo', 'p99 ms', 'CPU us of the server'],
    [
      ['echo', echo.perSecond, 1, echo.p99Ms, echo.serverCpuUs],
      ['GET /v1/coupons/{code}', reads.perSecond, ratio.median, reads.p99Ms, reads.serverCpuUs],
    ],
  );
  return { text, goals, json: { ratio: ratio.median, spread: ratio, echo, reads } };
}

let redeemed = 0;

/** Redeems now and then during a measurement; afterwards the copy must equal the ledger. */
async function redeeming<T>(site: CouponSite, everyMs: number, work: () => Promise<T>): Promise<T> {
  let isOver = false;
  const loop = async (): Promise<void> => {
    while (!isOver && everyMs > 0) {
      await redeem(site);
      await sleep(everyMs);
    }
  };
  const looping = loop();
  const result = await work().finally(() => {
    isOver = true;
  });
  await looping;
  const { rows } = await site.client.query<{ left: number }>(
    'select limit_total - used_count as left from coupons',
  );
  const response = await fetch(`${site.base}/v1/coupons/${CODE}`, { headers: site.headers });
  const shown: unknown = Reflect.get(Object(await response.json()), 'remaining');
  if (shown !== rows[0]?.left) throw new LostRun(`${shown} uses are shown, and ${rows[0]?.left} are left`);
  return result;
}

async function redeem({ base, headers }: CouponSite): Promise<void> {
  const response = await fetch(`${base}/v1/redemptions`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': `read-${++redeemed}` },
    body: JSON.stringify({
      user: 'somebody',
      currency: 'EUR',
      lines: [{ product: 'shoe', quantity: 1, unit_amount: 8_990 }],
      codes: [CODE],
    }),
  });
  if (response.status !== 201) throw new LostRun(`a redemption was ${await response.text()}`);
  await response.body?.cancel();
}
