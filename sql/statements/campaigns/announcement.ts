/**
 * What is announced of a campaign when it is made, as its row keeps it: canonical JSON, of which a raffle's draw and the
 * monitors are read back. What the members mean to a draw stands in engine/draw/rules.ts.
 */

/** What is announced of a campaign when it is made. */
export interface Announcement {
  /** Canonical JSON. */
  readonly rules: string;
  /** Of a raffle by commitment; see engine/draw/commit.ts. */
  readonly nonce: Buffer | null;
}

/** A prize: so many win it. Of several tiers the first is drawn first. */
export type Tier = { readonly name: string; readonly winners: number };

export type AnnouncedCommit = {
  readonly source: 'commit';
  /** 32 bytes in base64url: see commitmentOf. */
  readonly commitment: string;
};

export type AnnouncedDrand = {
  readonly source: 'drand';
  /** 32 bytes in hex: which chain. */
  readonly chain_hash: string;
  readonly round: number;
};

/** Where the randomness will come from. */
export type AnnouncedRandomness = AnnouncedCommit | AnnouncedDrand;

export type DrawRules = {
  /** Names the algorithm of engine/draw/draw.ts; another one would need another name. */
  readonly function: 'fairline draw 2';
  /** At most so many of one group are drawn, winners and alternates together; null: as many as it happens. */
  readonly group_limit: number | null;
  readonly randomness: AnnouncedRandomness;
  readonly tiers: readonly Tier[];
  /** How many are drawn behind the winners, to stand in for them in this order. */
  readonly alternates: number;
};

/** Somebody outside who follows the signed heads, and the key that they counter-sign them with: see engine/monitor/README.md. */
export type NamedMonitor = {
  /** Ed25519, 32 bytes in base64url. */
  readonly key: string;
  readonly name: string;
};
