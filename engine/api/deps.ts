/** What the operator's API needs of the engine. */
import type { Registry } from 'prom-client';
import type { CampaignDeps } from '../campaigns/deps.ts';
import type { ClockWatch } from '../clock/clock-watch.ts';
import type { TrustedProxies } from '../contract/clients/trusted-proxies.ts';
import type { BlockDeps } from '../operators/blocks.ts';
import type { ProviderTerms } from '../operators/provider/variables.ts';
import type { PositionAsked } from '../projections/positions.ts';

export interface Readiness {
  readonly ok: boolean;
  /** Each component by name: 'ok', or what is wrong with it. */
  readonly checks: Readonly<Record<string, string>>;
}

export interface ApiDeps extends CampaignDeps, BlockDeps {
  readonly log: CampaignDeps['log'];
  /** The environment's bearer token. */
  readonly token: string;
  /** See accounts/operator-keys.ts. */
  readonly operatorSecret: string;
  /** Whose X-Forwarded-For says from where a login comes. */
  readonly proxies: TrustedProxies;
  /** Undefined: operators log in with a password only. */
  readonly operatorProvider: ProviderTerms | undefined;
  readonly registry: Registry;
  /** Tells gateways that coupons have changed; rejects if they may not have been told. */
  readonly couponsChanged: (couponIds: readonly number[]) => Promise<void>;
  /** Positions of users by campaign, as readPositions of projections/positions.ts has them. */
  readonly positions: (asked: readonly PositionAsked[]) => Promise<ReadonlyMap<number, number>>;
  /** The clocks as this engine reads them. */
  readonly clocks: ClockWatch;
  readonly ready: () => Readiness | Promise<Readiness>;
}
