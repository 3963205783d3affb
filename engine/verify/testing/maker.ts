/**
 * Makes valid books, with their receipts, keys and proofs, for tests and the bench: a small world of users who enter, repeat
 * and withdraw at several gateways that serve another campaign as well.
 */
import {
  base64url,
  canonical,
  leafHashOf,
  linkTo,
  type Signer,
  sha256,
  signed,
  signedHeadOf,
  signerOf,
  treePath,
  treeRoot,
  u32,
  u64,
} from './basics.ts';
import { type LogHeadObject, logHeadOf } from './log-maker.ts';
import type { EntryObject, Item } from './made.ts';
import { type DrawnEntry, drawOf, type Reveal, revealOf } from './maker-draw.ts';

/** The plan of a book, which determines its whole content. */
export interface Plan {
  readonly kind: 'coupon' | 'raffle';
  readonly entries: number;
  readonly stock?: number;
  /** If given, grants must be claimed, and this many users wait for those that are not. */
  readonly waitlist?: number;
  /** Why the operator ended an offer before its deadline. */
  readonly early?: string;
  readonly randomness?: 'commit' | 'drand' | 'late';
  readonly tiers?: readonly number[];
  readonly alternates?: number;
  readonly groupLimit?: number | null;
  readonly gateways?: number;
  readonly sliceItems?: number;
  /** Withdrawals, repeats, another campaign, tickets, groups, exclusions. Default true. */
  readonly isMixed?: boolean;
  /** Whether the book names a head of an operator log. */
  readonly hasLog?: boolean;
  /** The names of the announced monitors. */
  readonly monitors?: readonly string[];
  /** Changes the terms of the pool's entries, in stamp order, before everything that depends on them is made. */
  readonly changeTerms?: (pool: readonly EntryObject[]) => void;
}

/** A line of a move, in a campaign with claims. */
export interface MoveObject {
  at_us: number;
  move: string;
  stamp: number;
  serial?: number;
  offered_us?: number;
  deadline_us?: number;
  early?: string;
}

export interface SliceObject {
  head: string;
  others?: [number, string][];
}

export interface EpochObject {
  began_us: number;
  ends: [number, number][];
  epoch: number;
  last: number;
  quiet: [number, number][];
}

export interface KeyObject {
  id: string;
  public: string;
  from: string;
  until: string | null;
  revoked: string | null;
  use: string;
}

/** A book before it is written: tests change it here and sign the result. */
export interface Parts {
  header: {
    book: number;
    campaign: number;
    closed_at_us: number;
    epochs: EpochObject[];
    until_us: number;
    keys: KeyObject[];
    operator_log?: LogHeadObject;
    rules: object;
    rules_hash: string;
  };
  slices: SliceObject[];
  entries: EntryObject[];
  moves: MoveObject[];
  end: {
    moves?: number;
    count: number;
    draw?: object;
    entries: number;
    lines: number;
    pool_root: string;
    slices: number;
  };
}

export interface ReceiptObject {
  v: 1;
  campaign: number;
  kind: number;
  source: number;
  stamp: number;
  salt: string;
  leaf: number;
  path: string;
  head: string;
}

export interface MadeBook {
  readonly parts: Parts;
  /** One for every item of the campaign, including withdrawals and repeats. */
  readonly receiptOf: (item: Item) => ReceiptObject;
  readonly items: readonly Item[];
  readonly slices: readonly MadeSlice[];
  readonly proof: object | undefined;
}

export interface MadeSlice {
  readonly head: Buffer;
  readonly items: readonly Item[];
}

export const CAMPAIGN = 7;
/** Of the operator log that a book names. */
const LAST_ACT = { seq: 31, hash: base64url(sha256('an act')) };
const OTHER_CAMPAIGN = 8;
export const EPOCH = 3;
/** Incarnation `number` of the epoch. */
export const incarnationOf = (number: number): number => EPOCH * 2 ** 32 + number;
/** The first number is quiet, and so is the last. */
const numberOf = (gateway: number): number => gateway + 2;
/** How far outside the window the first and last heads of chains are. */
const OUTSIDE_US = 5_000_000;
/** In 2023, before the real round of drand became known. */
export const OPENS_AT_US = 1_692_800_000_000_000;
export const CLOSES_AT_US = 1_692_803_600_000_000;
export const sliceSigner = signerOf('slices');
export const bookSigner = signerOf('books');

/** The key of a monitor of this name. */
export const monitorSigner = (name: string): Signer => signerOf(`monitor ${name}`);

function monitorRule(name: string): object {
  return { key: base64url(monitorSigner(name).raw), name };
}

export function keyObject(signer: Signer, use: string): KeyObject {
  return {
    id: signer.id.toString('hex'),
    public: base64url(signer.raw),
    from: '2023-01-01T00:00:00Z',
    until: null,
    revoked: null,
    use,
  };
}

export function saltOf(user: string): Buffer {
  return sha256('salt', user).subarray(0, 16);
}

export function whoOf(user: string): Buffer {
  return sha256(saltOf(user), user);
}

function item(kind: 1 | 2 | 3, campaign: number, source: 0 | 1, stamp: number, user: string): Item {
  const data = Buffer.concat([Uint8Array.of(kind, source), u32(campaign), u64(stamp), whoOf(user)]);
  return { kind, source, campaign, stamp, user, data, leaf: leafHashOf(data) };
}

/** All items, in the order of stamps. */
function world({ entries, gateways = 2, isMixed = true, waitlist }: Plan): Item[] {
  const items: Item[] = [];
  const stepUs = Math.floor((CLOSES_AT_US - OPENS_AT_US) / (5 * entries + 4));
  let turn = 0;
  const arrive = (kind: 1 | 2 | 3, campaign: number, user: string): void => {
    const atUs = turn * stepUs;
    items.push(item(kind, campaign, turn % 11 === 3 ? 1 : 0, atUs * 1024 + (turn % gateways), user));
    turn += 1;
  };
  for (let number = 0; number < entries; number++) {
    arrive(1, CAMPAIGN, `user${number}`);
    if (waitlist !== undefined) arrive(3, CAMPAIGN, `user${number}`);
    if (!isMixed) continue;
    if (number % 5 === 1) arrive(1, CAMPAIGN, `user${number}`);
    if (number % 7 === 2) arrive(2, CAMPAIGN, `user${number}`);
    if (number % 6 === 4) arrive(1, OTHER_CAMPAIGN, `user${number}`);
  }
  return items;
}

/** Cuts each gateway's items into slices, and signs and chains them. */
function sliced(items: readonly Item[], { gateways = 2, sliceItems = 5, isMixed = true }: Plan): MadeSlice[] {
  const slices: MadeSlice[] = [];
  for (let gateway = 0; gateway < gateways; gateway++) {
    // Every second chain began before the opening, and continues after the close.
    const isLonger = gateway % 2 === 0;
    let previous = isLonger ? sha256('an earlier slice of this incarnation', u32(gateway)) : Buffer.alloc(32);
    let sliceNumber = isLonger ? 40 : 1;
    const signSlice = (
      its: readonly Item[],
      instants = its.map(({ stamp }) => OPENS_AT_US + Math.floor(stamp / 1024)),
    ): void => {
      const fields = {
        gateway,
        incarnation: incarnationOf(numberOf(gateway)),
        sliceNumber,
        firstUs: instants[0] ?? 0,
        lastUs: instants.at(-1) ?? 0,
        count: its.length,
        root: treeRoot(its.map(({ leaf }) => leaf)),
        previous,
      };
      const head = signedHeadOf(fields, sliceSigner);
      previous = linkTo(head);
      // Numbers of slices without items are skipped.
      sliceNumber += its.length % 3 === 0 ? 2 : 1;
      slices.push({ head, items: its });
    };
    const signOutside = (atUs: number): void => {
      if (isLonger) signSlice([item(1, OTHER_CAMPAIGN, 0, gateway, `outside ${atUs}`)], [atUs]);
    };
    signOutside(OPENS_AT_US - OUTSIDE_US);
    const own = items.filter(({ stamp }) => stamp % 1024 === gateway);
    for (let from = 0; from < own.length; from += sliceItems) {
      signSlice(own.slice(from, from + sliceItems));
      // Some slices have only items of another campaign.
      const last = own[Math.min(from + sliceItems, own.length) - 1];
      if (isMixed && last !== undefined && (from / sliceItems) % 3 === 1) {
        signSlice([item(1, OTHER_CAMPAIGN, 0, last.stamp, `elsewhere${from}`)]);
      }
    }
    signOutside(CLOSES_AT_US + OUTSIDE_US);
  }
  return slices;
}

export function makeBook(plan: Plan): MadeBook {
  const items = world(plan);
  const slices = sliced(items, plan);
  slices.forEach((slice, number) => {
    slice.items.forEach((one, index) => {
      one.at = { slice: number, index };
    });
  });
  const first = new Map<string, Item>();
  const withdrawn = new Set<string>();
  for (const one of items) {
    if (one.campaign !== CAMPAIGN) continue;
    if (one.kind === 2) withdrawn.add(one.user);
    else if (!first.has(one.user)) first.set(one.user, one);
  }
  const entries = [...first.values()].map(one => entryOf(one, withdrawn.has(one.user)));
  const reveal = plan.kind === 'raffle' ? revealOf(plan.randomness ?? 'commit', CLOSES_AT_US) : undefined;
  const rules = rulesOf(plan, reveal);
  const rulesHash = sha256(canonical(rules));
  const honoured = entries.filter(({ object }) => object.outcome !== 'withdrawn');
  if (reveal !== undefined) settleTerms(plan, honoured);
  plan.changeTerms?.(honoured.map(({ object }) => object));
  const poolRoot = poolRootOf(plan.kind, honoured);
  const drawn =
    reveal === undefined
      ? decideCoupon(honoured, plan.stock ?? 3, plan.waitlist ?? 0)
      : decideRaffle(plan, honoured, reveal, rulesHash, poolRoot);
  const moves =
    plan.waitlist === undefined
      ? []
      : movesOf(
          honoured.map(({ object }) => object),
          plan.early,
        );
  const parts: Parts = {
    header: {
      book: 2,
      campaign: CAMPAIGN,
      closed_at_us: CLOSES_AT_US,
      epochs: [epochOf(slices, plan)],
      until_us: CLOSES_AT_US,
      keys: [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')],
      ...(plan.hasLog === true ? { operator_log: logHeadOf(LAST_ACT, CLOSES_AT_US / 1000, bookSigner) } : {}),
      rules,
      rules_hash: base64url(rulesHash),
    },
    slices: slices.map(slice => sliceObject(slice, first)),
    entries: entries.map(({ object }) => object),
    moves,
    end: {
      ...(plan.waitlist === undefined ? {} : { moves: moves.length }),
      count: honoured.length,
      ...(drawn === undefined ? {} : { draw: drawn.facts }),
      entries: entries.length,
      lines: 1 + slices.length + entries.length + moves.length,
      pool_root: base64url(poolRoot),
      slices: slices.length,
    },
  };
  const proof = drawn && {
    ...drawn.proof,
    campaign: CAMPAIGN,
    rules,
    rules_hash: base64url(rulesHash),
    pool_root: base64url(poolRoot),
    pool_count: honoured.length,
  };
  return { parts, items, slices, proof, receiptOf: one => receiptOf(one, slices) };
}

function rulesOf(plan: Plan, reveal: Reveal | undefined): object {
  const { kind } = plan;
  const common = {
    campaign: CAMPAIGN,
    opens_at_us: OPENS_AT_US,
    closes_at_us: CLOSES_AT_US,
    title: 'A drop “é”',
    kind,
    ...(plan.monitors === undefined ? {} : { monitors: plan.monitors.map(monitorRule) }),
  };
  const { waitlist } = plan;
  const claims = waitlist === undefined ? {} : { waitlist, claim_within_s: WITHIN_S };
  if (reveal === undefined) return { ...common, stock: plan.stock ?? 3, ...claims };
  const tiers = (plan.tiers ?? [1, 2]).map((winners, tier) => ({ name: `prize ${tier}`, winners }));
  const draw = {
    function: 'fairline draw 2',
    group_limit: plan.groupLimit ?? null,
    randomness: reveal.announced,
    tiers,
    alternates: plan.alternates ?? 2,
  };
  return { ...common, draw };
}

function entryOf(one: Item, isWithdrawn: boolean): DrawnEntry {
  const object: EntryObject = {
    leaf: one.at?.index ?? 0,
    outcome: isWithdrawn ? 'withdrawn' : 'sold_out',
    slice: one.at?.slice ?? 0,
    source: one.source,
    stamp: one.stamp,
    who: base64url(whoOf(one.user)),
  };
  return { object, item: one };
}

function decideCoupon(honoured: readonly DrawnEntry[], stock: number, waitlist: number): undefined {
  honoured.forEach(({ object }, index) => {
    if (index < stock) {
      object.outcome = 'granted';
      object.serial = index + 1;
    } else if (index < stock + waitlist) {
      object.outcome = 'waitlisted';
      object.alternate = index - stock + 1;
    }
  });
}

const WITHIN_S = 600;

/** Every second of the granted users claims, and the others let it lapse or decline; the first waiting user leaves. */
function movesOf(entries: readonly EntryObject[], early: string | undefined): MoveObject[] {
  const within = WITHIN_S * 1_000_000;
  const offeredUs = CLOSES_AT_US;
  const ends = (offered_us: number) => ({ offered_us, deadline_us: offered_us + within });
  const moves: MoveObject[] = [];
  const [first, ...waiting] = entries.filter(({ outcome }) => outcome === 'waitlisted');
  if (first !== undefined) moves.push({ at_us: offeredUs + 1, move: 'left', stamp: first.stamp });
  const free: number[] = [];
  for (const { stamp, serial = 0, outcome } of entries) {
    if (outcome !== 'granted') continue;
    const move = serial % 2 === 1 ? 'claimed' : serial % 4 === 0 ? 'declined' : 'lapsed';
    const at_us = move === 'lapsed' ? offeredUs + within : offeredUs + serial;
    moves.push({ at_us, move, serial, stamp, ...ends(offeredUs) });
    if (move !== 'claimed') free.push(serial);
  }
  const againUs = offeredUs + within + 1;
  const offered = free.flatMap((serial, index) =>
    waiting[index] ? [{ serial, stamp: waiting[index].stamp }] : [],
  );
  for (const each of offered) moves.push({ at_us: againUs, move: 'offered', ...each });
  for (const each of offered) moves.push({ at_us: againUs + 5, move: 'claimed', ...each, ...ends(againUs) });
  const lapsed = moves.find(({ move }) => move === 'lapsed');
  if (early !== undefined && lapsed !== undefined) {
    const deadline_us = offeredUs + within / 2;
    Object.assign(lapsed, { at_us: deadline_us, deadline_us, early });
  }
  return moves;
}

/** Tickets, groups and exclusions. */
function settleTerms(plan: Plan, honoured: readonly DrawnEntry[]): void {
  honoured.forEach(({ object }, index) => {
    object.outcome = 'not_drawn';
    if (plan.isMixed === false) return;
    if (index % 4 === 1) object.tickets = 2 + (index % 5);
    if (index % 3 === 0) object.group = base64url(sha256('group', u32(index % 2)));
    if (index % 9 === 8) {
      object.outcome = 'excluded';
      object.reason = 'staff of the shop, “known” before';
    }
  });
}

/** The root over the pool; a raffle's leaves contain the terms beside the hash of the entry. */
export function poolRootOf(kind: Plan['kind'], honoured: readonly DrawnEntry[]): Buffer {
  if (kind === 'coupon') return treeRoot(honoured.map(({ item: { leaf } }) => leaf));
  const some = (hash: Buffer | undefined): Buffer =>
    hash === undefined ? Buffer.of(0) : Buffer.concat([Buffer.of(1), hash]);
  return treeRoot(
    honoured.map(({ item: { leaf }, object: { tickets = 1, group, reason } }) => {
      const groupHash = group === undefined ? undefined : Buffer.from(group, 'base64url');
      const reasonHash = reason === undefined ? undefined : sha256(reason);
      return sha256(Buffer.of(0), leaf, u32(tickets).subarray(2), some(groupHash), some(reasonHash));
    }),
  );
}

function decideRaffle(
  plan: Plan,
  honoured: readonly DrawnEntry[],
  reveal: Reveal,
  rulesHash: Buffer,
  poolRoot: Buffer,
) {
  return drawOf(
    honoured,
    reveal,
    rulesHash,
    poolRoot,
    plan.tiers ?? [1, 2],
    plan.alternates ?? 2,
    plan.groupLimit ?? null,
  );
}

/** What a book declares about incarnations: the chains, and the quiet numbers. */
function epochOf(slices: readonly MadeSlice[], { gateways = 2 }: Plan): EpochObject {
  const ends = new Map<number, number>();
  for (const { head } of slices) {
    const number = Number(head.readBigUInt64BE(24) - BigInt(incarnationOf(0)));
    ends.set(number, Number(head.readBigUInt64BE(32)));
    if (Number(head.readBigUInt64BE(40)) >= CLOSES_AT_US) ends.delete(number);
  }
  const shown = slices.map(({ head }) => numberOf(head.readUInt16BE(16)));
  const last = numberOf(gateways);
  const quiet = Array.from({ length: last }, (_, index) => index + 1).filter(each => !shown.includes(each));
  return {
    began_us: OPENS_AT_US - 2 * OUTSIDE_US,
    ends: [...ends],
    epoch: EPOCH,
    last,
    quiet: quiet.map(each => [each, each]),
  };
}

function sliceObject(slice: MadeSlice, first: ReadonlyMap<string, Item>): SliceObject {
  const head = base64url(slice.head);
  if (slice.items.some(({ user }) => user.startsWith('outside'))) return { head };
  const others = slice.items.flatMap((one, index): [number, string][] =>
    first.get(one.user) === one ? [] : [[index, base64url(one.data)]],
  );
  return { head, others };
}

function receiptOf(one: Item, slices: readonly MadeSlice[]): ReceiptObject {
  const slice = slices[one.at?.slice ?? -1];
  if (slice === undefined || one.at === undefined) throw new Error('the item is in no slice');
  return {
    v: 1,
    campaign: one.campaign,
    kind: one.kind,
    source: one.source,
    stamp: one.stamp,
    salt: base64url(saltOf(one.user)),
    leaf: one.at.index,
    path: base64url(
      Buffer.concat(
        treePath(
          one.at.index,
          slice.items.map(({ leaf }) => leaf),
        ),
      ),
    ),
    head: base64url(slice.head),
  };
}

/** Writes a book and signs it as it is. */
export function written({ header, slices, entries, moves, end }: Parts, signer = bookSigner): Buffer {
  const before = [header, ...slices, ...entries, ...moves].map(line => `${canonical(line)}\n`).join('');
  const message = Buffer.concat([
    Buffer.from(`fairline book ${header.book}`),
    sha256(before),
    Buffer.from(canonical(end)),
  ]);
  const last = { end, key: signer.id.toString('hex'), signature: base64url(signed(signer, message)) };
  return Buffer.from(`${before}${canonical(last)}\n`);
}
