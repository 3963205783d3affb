/** A fairline with a coupon, for the benches on coupons. */
import pg from 'pg';
import { Closing, type Stoppable } from '../system/closing.ts';
import { type Fairline, makeSite, type Site, startFairline } from '../system/fairline.ts';
import type { Servers } from '../system/servers.ts';

/** Ten percent off for 10^9 baskets: a limit that is counted and never reached. */
const TERMS = { discount: 'percentage', basis_points: 1_000, limit_total: 1_000_000_000 };
export const CODE = 'BENCH-10';

export interface CouponSite extends Stoppable {
  readonly site: Site;
  readonly fairline: Fairline;
  readonly client: pg.Client;
  /** Base URL of the gateway. */
  readonly base: string;
  readonly gatewayPid: number;
  readonly headers: Readonly<Record<string, string>>;
}

export async function startCouponSite(servers: Servers): Promise<CouponSite> {
  const closing = new Closing();
  try {
    const site = await closing.own(makeSite(servers, 'redis'));
    const fairline = await closing.own(startFairline(site));
    const [gateway] = fairline.gateways;
    if (gateway === undefined) throw new Error('there is no gateway');
    const client = new pg.Client({ connectionString: site.databaseUrl });
    await client.connect();
    await closing.own(Promise.resolve({ stop: () => client.end() }));
    const made = await fetch(`${fairline.engine.base}/v1/coupons`, {
      method: 'POST',
      headers: { authorization: `Bearer ${site.operatorToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ code: CODE, terms: TERMS }),
    });
    if (made.status !== 201) throw new Error(`no coupon: ${await made.text()}`);
    return {
      site,
      fairline,
      client,
      base: gateway.base,
      gatewayPid: gateway.pid,
      headers: { authorization: `Bearer ${site.shopToken}` },
      stop: () => closing.close(),
    };
  } catch (error) {
    await closing.close();
    throw error;
  }
}
