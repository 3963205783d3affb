/**
 * Makes valid books, with their receipts, keys and proofs, for tests and the bench: a small world of users (maker-world.ts), and
 * what they get (maker-outcome.ts).
 */
import { base64url, canonical, sha256, signed, treePath } from './basics.ts';
import { logHeadOf } from './log-maker.ts';
import type {
  EntryObject,
  EpochObject,
  Item,
  MadeBook,
  MadeSlice,
  Parts,
  Plan,
  RaiseObject,
  ReceiptObject,
  SliceObject,
} from './made.ts';
import { type DrawnEntry, type Reveal, revealOf } from './maker-draw.ts';
import { decideCoupon, decideRaffle, movesOf, poolRootOf, settleTerms, WITHIN_S } from './maker-outcome.ts';
import {
  bookSigner,
  CAMPAIGN,
  CLOSES_AT_US,
  EPOCH,
  incarnationOf,
  keyObject,
  monitorSigner,
  numberOf,
  OPENS_AT_US,
  OUTSIDE_US,
  saltOf,
  sliced,
  sliceSigner,
  whoOf,
  world,
} from './maker-world.ts';

/** Of the operator log that a book names. */
const LAST_ACT = { seq: 31, hash: base64url(sha256('an act')) };

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
      ...(plan.raisedFrom === undefined ? {} : { raises: raisesOf(plan.raisedFrom, rules) }),
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

/** One minute apart, the first of them a minute after the opening; the second version is the first that can be one. */
function raisesOf(raisedFrom: readonly number[], rules: object): RaiseObject[] {
  const { stock: last } = rules as { stock: number };
  const hashOf = (stock: number): string => base64url(sha256(canonical({ ...rules, stock })));
  return raisedFrom.map((before, index) => {
    const stock = raisedFrom[index + 1] ?? last;
    return {
      at_us: OPENS_AT_US + (index + 1) * 60_000_000,
      closes_at_us: CLOSES_AT_US,
      rules_hash: hashOf(stock),
      rules_hash_before: hashOf(before),
      ...{ stock, stock_before: before, version: index + 2 },
    };
  });
}

function monitorRule(name: string): object {
  return { key: base64url(monitorSigner(name).raw), name };
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
