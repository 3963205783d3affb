/**
 * Every key fairline keeps in Redis, named here once. `namespace` keeps several fairlines on one Redis apart. What must
 * be touched together by one script shares a hash tag, so it lies on one node of a Redis Cluster.
 *
 * All but the log's streams are projections: they can be lost at any moment and are made again from ledger and log.
 */
export interface CampaignKeys {
  /** Hash: whether the others are whole, and under which epoch. See projection/. */
  readonly mark: string;
  /** Sorted set: user id -> stamp. The queue. */
  readonly rank: string;
  /** Hash: user id -> `serial:code` of those who were granted a coupon or drawn. */
  readonly won: string;
  /** Hash: user id -> stamp of the withdrawal, of those whose withdrawal was honoured. */
  readonly withdrawn: string;
  /**
   * List: the ranks (from 0) of entries withdrawn while they waited, in the order they left; only ever appended to. Of a
   * room, who went out of the line and came back into it: `7`, `-7` (counted again), `+7` (waits behind settledStamp).
   */
  readonly gone: string;
  /**
   * Hash: user id -> what they hold or wait for, of those who have a place where there are claims; see campaign/claimant.ts.
   */
  readonly claimants: string;
  /** List: `place:user id` of each move of a claimant, in order; the place in which they waited, 0 where they did not. */
  readonly moves: string;
}

export interface Keys {
  /**
   * Hash: field `epoch`, `run`, `leaseUs`, `readings`, `clock` and `reading`, `nextIncarnation`, `floorUs`, `building` and
   * `buildRun` while it is opened, `nodes` of a Cluster, `g:<number>` -> JSON of a lease, and `p:<number>` -> what is prepared
   * of a free number. See lease/acquire.lua.
   */
  readonly leases: string;
  /** Hash: field `epoch` (`building` while it is made), `run`, `version`, `watermarkUs`, `rankedUs`. See board/. */
  readonly boardState: string;
  /** Hash: campaign id -> JSON of BoardCampaign. */
  readonly boardCampaigns: string;
  /** Sorted set: campaign id -> board version at which it last changed. */
  readonly boardChanges: string;
  /** Hash: gateway number -> `incarnation:changes`, the pending changes that it has confirmed last. See board/read.lua. */
  readonly boardConfirmed: string;
  /** Hash: campaign id -> 1, of those that somebody asks about while they are made anew. See projection/asked.ts. */
  readonly askedFor: string;
  /** String: grows with every change of a coupon. See coupons/. */
  readonly couponVersion: string;
  /** Sorted set: coupon id -> the version at which it last changed. */
  readonly couponChanges: string;
  /** Stream: which users have streams at which gateway, as gateways tell it; see presence/. One for each board. */
  presence(epoch: number): string;
  /** Hash: `epoch` and `run` of the server, under which that stream was begun. */
  readonly presenceMark: string;
  /** Matches every key above and those of all campaigns, to look for what is left over. Never matches a stream of the log. */
  readonly projectionPattern: string;
  campaign(campaignId: number): CampaignKeys;
  /** Hash: what is shown of a code, for a moment. See coupons/. */
  couponCopy(code: string): string;
  /** Stream: the log's partition, where Redis is the log. Not a projection. */
  logPartition(partition: number): string;
  /**
   * Hash, beside that stream: `epoch` and, by gateway number, the incarnation that was fenced last. See
   * log/redis/append.lua.
   */
  logWriters(partition: number): string;
}

export function keysOf(namespace: string): Keys {
  return {
    leases: `${namespace}:p:{leases}`,
    boardState: `${namespace}:p:{board}:state`,
    boardCampaigns: `${namespace}:p:{board}:campaigns`,
    boardChanges: `${namespace}:p:{board}:changes`,
    boardConfirmed: `${namespace}:p:{board}:confirmed`,
    askedFor: `${namespace}:p:{asked}`,
    couponVersion: `${namespace}:p:{coupons}:version`,
    couponChanges: `${namespace}:p:{coupons}:changes`,
    presence: epoch => `${namespace}:p:{presence}:${epoch}`,
    presenceMark: `${namespace}:p:{presence}:mark`,
    projectionPattern: `${namespace}:p:*`,
    campaign(campaignId) {
      const tag = `${namespace}:p:{c${campaignId}}`;
      return {
        mark: `${tag}:mark`,
        rank: `${tag}:rank`,
        won: `${tag}:won`,
        withdrawn: `${tag}:withdrawn`,
        gone: `${tag}:gone`,
        claimants: `${tag}:claimants`,
        moves: `${tag}:moves`,
      };
    },
    couponCopy: code => `${namespace}:p:{coupons}:copy:${code}`,
    logPartition: partition => `${namespace}:{log${partition}}`,
    logWriters: partition => `${namespace}:{log${partition}}:writers`,
  };
}
