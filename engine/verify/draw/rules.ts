/** The announced rules of a campaign, which a book and a proof must follow. Their canonical JSON is hashed. */
import { type Findings, Unreadable } from '../findings.ts';
import type { Primitives } from '../primitives.ts';
import { fromBase64Url, fromHex, toBase64Url, utf8 } from '../text/bytes.ts';
import { canonical, type Json, Members } from '../text/json.ts';

const MOST_TIERS = 1000;
const MOST_WINNERS = 10_000_000;
export const MOST_STOCK = Number.MAX_SAFE_INTEGER;
const MOST_WITHIN_S = 10_000_000;
const MOST_TITLE_CHARACTERS = 10_000;
const MOST_MONITORS = 100;
const MOST_NAME_CHARACTERS = 1_000;
export const MOST_CAMPAIGN = 0xffff_ffff;
export const DRAW_FUNCTION = 'fairline draw 2';

export type Randomness =
  | { readonly source: 'commit'; readonly commitment: Uint8Array }
  | { readonly source: 'drand'; readonly chainHash: Uint8Array; readonly round: number };

export interface DrawRules {
  readonly alternates: number;
  readonly groupLimit: number | null;
  readonly randomness: Randomness;
  readonly tiers: readonly { readonly name: string; readonly winners: number }[];
}

/** Only in a campaign with claims. */
export interface ClaimRules {
  readonly withinS: number;
  /** For a coupon: the size of the waitlist. */
  readonly waitlist: number;
  /** No claim can be stamped after this instant, the last that stamps can count. Microseconds since the epoch. */
  readonly lastUs: number;
}

/** Stamps are below 2^53, and count 1024 a microsecond. */
const STAMPS_US = 2 ** 43 - 1;

/** A monitor that was announced to follow the signed heads. */
export interface Monitor {
  readonly name: string;
  /** Ed25519, in base64url. */
  readonly key: string;
}

interface AnyRules {
  readonly campaign: number;
  readonly title: string;
  readonly opensAtUs: number;
  /** As announced. */
  readonly closesAtUs: number;
  /** H(canonical JSON). */
  readonly hash: Uint8Array;
  readonly claims: ClaimRules | undefined;
  readonly monitors: readonly Monitor[];
}
export interface CouponRules extends AnyRules {
  readonly kind: 'coupon';
  readonly stock: number;
}
export interface RaffleRules extends AnyRules {
  readonly kind: 'raffle';
  readonly draw: DrawRules;
}
export type Rules = CouponRules | RaffleRules;

/** Reads rules. Throws Unreadable; `what` names the document that contains them. */
export function readRules(
  value: Json | undefined,
  what: string,
  { sha256 }: Pick<Primitives, 'sha256'>,
): Rules {
  const members = new Members(value, `the rules in ${what}`);
  const all = {
    campaign: members.whole('campaign', 0, MOST_CAMPAIGN),
    title: members.text('title', MOST_TITLE_CHARACTERS),
    opensAtUs: members.whole('opens_at_us', 0, Number.MAX_SAFE_INTEGER),
    closesAtUs: members.whole('closes_at_us', 0, Number.MAX_SAFE_INTEGER),
    hash: sha256(utf8(canonical(value ?? null, `the rules in ${what}`))),
    monitors: members.has('monitors') ? readMonitors(members, what) : [],
  };
  const kind = members.oneOf('kind', ['coupon', 'raffle']);
  const claims = members.has('claim_within_s') ? readClaims(members, kind, all.opensAtUs) : undefined;
  const rules: Rules =
    kind === 'coupon'
      ? { ...all, claims, kind, stock: members.whole('stock', 0, MOST_STOCK) }
      : { ...all, claims, kind, draw: readDraw(members.object('draw')) };
  members.end();
  if (rules.opensAtUs >= rules.closesAtUs) {
    throw new Unreadable('malformed', `the close in the rules in ${what} is not after the opening`);
  }
  return rules;
}

function readMonitors(members: Members, what: string): readonly Monitor[] {
  const monitors = members.objects('monitors', MOST_MONITORS).map(monitor => {
    const read = {
      name: monitor.text('name', MOST_NAME_CHARACTERS),
      key: monitor.read(
        'key',
        text => (fromBase64Url(text, 32) === undefined ? undefined : text),
        '32 bytes in base64url',
      ),
    };
    monitor.end();
    return read;
  });
  for (const member of ['name', 'key'] as const) {
    if (new Set(monitors.map(monitor => monitor[member])).size < monitors.length)
      throw new Unreadable('malformed', `the rules in ${what} name two monitors with the same ${member}`);
  }
  return monitors;
}

function readClaims(members: Members, kind: Rules['kind'], opensAtUs: number): ClaimRules {
  return {
    withinS: members.whole('claim_within_s', 1, MOST_WITHIN_S),
    waitlist: kind === 'coupon' ? members.whole('waitlist', 0, MOST_WINNERS) : 0,
    lastUs: opensAtUs + STAMPS_US,
  };
}

function readDraw(members: Members): DrawRules {
  members.oneOf('function', [DRAW_FUNCTION]);
  const draw = {
    alternates: members.whole('alternates', 0, MOST_WINNERS),
    groupLimit: members.json('group_limit') === null ? null : members.whole('group_limit', 1, MOST_WINNERS),
    randomness: readRandomness(members.object('randomness')),
    tiers: members
      .array('tiers', MOST_TIERS)
      .map((tier, index) => readTier(new Members(tier, `tier ${index}`))),
  };
  members.end();
  if (totalWinners(draw) > MOST_WINNERS) {
    throw new Unreadable(
      'too-large',
      `the rules have ${totalWinners(draw)} winners; the limit is ${MOST_WINNERS}`,
    );
  }
  return draw;
}

function readTier(members: Members): DrawRules['tiers'][number] {
  const tier = { name: members.text('name', 1000), winners: members.whole('winners', 1, MOST_WINNERS) };
  members.end();
  return tier;
}

function readRandomness(members: Members): Randomness {
  const source = members.oneOf('source', ['commit', 'drand']);
  const randomness: Randomness =
    source === 'commit'
      ? {
          source,
          commitment: members.read('commitment', text => fromBase64Url(text, 32), '32 bytes in base64url'),
        }
      : {
          source,
          chainHash: members.read('chain_hash', text => fromHex(text, 32), '32 bytes in lower-case hex'),
          round: members.whole('round', 1, Number.MAX_SAFE_INTEGER),
        };
  members.end();
  return randomness;
}

export function totalWinners(draw: DrawRules): number {
  return draw.tiers.reduce((sum, { winners }) => sum + winners, 0);
}

/** The tier, from 0, of the winner with this serial. */
export function tierOf(draw: DrawRules, serial: number): number {
  let last = 0;
  return draw.tiers.findIndex(({ winners }) => {
    last += winners;
    return serial <= last;
  });
}

/** Checks the hash that is stated beside the rules. */
export function checkRulesHash(rules: Rules, stated: string, what: string, findings: Findings): void {
  const right = toBase64Url(rules.hash);
  if (stated !== right) {
    findings.add(
      'rules-hash',
      `${what} states the rules hash ${stated.slice(0, 60)}, but the rules hash to ${right}`,
    );
  }
}
