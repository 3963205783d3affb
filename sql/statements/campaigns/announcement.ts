/**
 * The announcement of a campaign, as its row stores it: canonical JSON, from which a raffle's draw and the monitors are read
 * back. engine/draw/rules.ts explains the members of a draw.
 */

/** What is announced when a campaign is created. */
export interface Announcement {
  /** Canonical JSON. */
  readonly rules: string;
  /** For a raffle by commitment; see engine/draw/commit.ts. */
  readonly nonce: Buffer | null;
}

/** A prize, and how many win it. The first of several tiers is drawn first. */
export type Tier = { readonly name: string; readonly winners: number };

export type AnnouncedCommit = {
  readonly source: 'commit';
  /** 32 bytes in base64url: see commitmentOf. */
  readonly commitment: string;
};

export type AnnouncedDrand = {
  readonly source: 'drand';
  /** The chain, 32 bytes in hex. */
  readonly chain_hash: string;
  readonly round: number;
};

/** Where the randomness will come from. */
export type AnnouncedRandomness = AnnouncedCommit | AnnouncedDrand;

export type DrawRules = {
  /** Names the algorithm of engine/draw/draw.ts; another algorithm would need another name. */
  readonly function: 'fairline draw 2';
  /** The maximum drawn from one group, winners and alternates together; null: no maximum. */
  readonly group_limit: number | null;
  readonly randomness: AnnouncedRandomness;
  readonly tiers: readonly Tier[];
  /** How many are drawn behind the winners, to replace them in this order. */
  readonly alternates: number;
};

/**
 * An independent party that follows the signed heads, with the key that it counter-signs them with: see
 * engine/monitor/README.md.
 */
export type NamedMonitor = {
  /** Ed25519, 32 bytes in base64url. */
  readonly key: string;
  readonly name: string;
};
