/**
 * Every key that fairline uses in Redis, defined once. `namespace` separates several fairlines on one Redis. Keys that one
 * script uses together share a hash tag, so they are on one node of a Redis Cluster.
 *
 * All but the log's streams are projections: they can be lost at any moment and are rebuilt from ledger and log.
 */
export interface CampaignKeys {
  /** Hash: whether the other keys are complete, and under which epoch. See projection/. */
  readonly mark: string;
  /** Sorted set: user id -> stamp. The queue. */
  readonly rank: string;
  /** Hash: user id -> `serial:code` of users who were granted a coupon or drawn. */
  readonly won: string;
  /** Hash: user id -> stamp of the withdrawal, for withdrawals that were honoured. */
  readonly withdrawn: string;
  /**
   * List: the ranks (from 0) of entries withdrawn while they waited, in order; only ever appended to. Of a room, the ranks that
   * left the line and came back: `7`, `-7` (counted again), `+7` (waits behind settledStamp).
   */
  readonly gone: string;
  /**
   * Hash: user id -> the state of a claimant, for claimants of campaigns that require claims; see campaign/claimant.ts.
   */
  readonly claimants: string;
  /**
   * List: `position:user id` of each move of a claimant, in order; the waitlist position, 0 if the user was not waitlisted.
   */
  readonly moves: string;
}

export interface Keys {
  /**
   * Hash: fields `epoch`, `run`, `leaseUs`, `readings`, `clock` and `reading`, `nextIncarnation`, `floorUs`, `building` and
   * `buildRun` while it is being opened, `nodes` of a Cluster, `g:<number>` -> JSON of a lease, and `p:<number>` -> the token
   * prepared for a free number. See lease/acquire.lua.
   */
  readonly leases: string;
  /** Hash: field `epoch` (`building` while it is made), `run`, `version`, `watermarkUs`, `rankedUs`, `blocks`. See board/. */
  readonly boardState: string;
  /** Hash: campaign id -> JSON of BoardCampaign. */
  readonly boardCampaigns: string;
  /** Sorted set: campaign id -> board version at which it last changed. */
  readonly boardChanges: string;
  /** String: who is blocked, as JSON. See board/publish-blocks.lua. */
  readonly boardBlocks: string;
  /** Hash: gateway number -> `incarnation:changes`, the pending changes that it confirmed last. See board/read.lua. */
  readonly boardConfirmed: string;
  /** Hash: campaign id -> 1, for campaigns that users ask about during a rebuild. See projection/requested.ts. */
  readonly requestedProjections: string;
  /** String: increases with every change of a coupon. See coupons/. */
  readonly couponVersion: string;
  /** Sorted set: coupon id -> the version at which it last changed. */
  readonly couponChanges: string;
  /** Stream: which users have streams at which gateway, as reported by gateways; see presence/. One per board. */
  presence(epoch: number): string;
  /** Hash: `epoch` and `run` of the server, under which that stream was begun. */
  readonly presenceMark: string;
  /** Matches every key above and those of all campaigns, to find leftover keys. Never matches a stream of the log. */
  readonly projectionPattern: string;
  campaign(campaignId: number): CampaignKeys;
  /** Hash: a cached copy of what is shown of a code. See coupons/. */
  couponCopy(code: string): string;
  /** Stream: the log's partition, if Redis is the log. Not a projection. */
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
    boardBlocks: `${namespace}:p:{board}:blocks`,
    boardConfirmed: `${namespace}:p:{board}:confirmed`,
    requestedProjections: `${namespace}:p:{requested}`,
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
