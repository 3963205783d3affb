/**
 * A receipt: what a gateway returned, in its 202, to the user whose request it had stamped. By itself it proves that the
 * gateway signed that stamp for that user; compared with a book, that the book contains it.
 */
import { type Entries, part } from '../book/entries.ts';
import type { Decided, Judge } from '../book/outcomes.ts';
import type { Rules } from '../draw/rules.ts';
import { type Findings, Unreadable } from '../findings.ts';
import { HASH_BYTES } from '../hashing/lanes.ts';
import { rootByPath } from '../hashing/merkle.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import { areEqual, fromBase64Url, toBase64Url } from '../text/bytes.ts';
import { Members, parseObject } from '../text/json.ts';
import { nameOf, readHead, type SignedHead } from './head.ts';
import type { Signers } from './keys.ts';
import {
  CLAIM,
  ENTRY,
  gatewayOf,
  instantOf,
  isoOf,
  leafHash,
  SALT_BYTES,
  WITHDRAWAL,
  whoOf,
} from './leaf.ts';

const MOST_PATH = 32;
const MOST_USER_CHARACTERS = 4096;

export interface Receipt {
  /** The caller's name for it, for messages. */
  readonly what: string;
  readonly user: string;
  readonly campaign: number;
  readonly kind: number;
  readonly source: number;
  readonly stamp: number;
  readonly leaf: number;
  readonly path: Uint8Array;
  readonly who: Uint8Array;
  readonly headText: string;
  readonly head: SignedHead;
}

/** What a book says about a receipt. */
export interface LocatedReceipt {
  readonly user: string;
  readonly stamp: number;
  /** From 1, among entries that were not withdrawn; undefined if it is not in the book, or withdrawn. */
  readonly rank?: number;
  /** The index of the entry in the book. */
  readonly entry?: number;
  /** The outcome of that entry. */
  readonly decided?: Decided;
  /** The stamp of the user's entry that counts, if it is an earlier one. */
  readonly earlierStamp?: number;
}

/** Reads a receipt. Throws Unreadable. `what` names it in messages. */
export function readReceipt(
  bytes: Uint8Array,
  user: string,
  what: string,
  limits: Limits,
  primitives: Primitives,
): Receipt {
  if (bytes.length > limits.receiptBytes) {
    throw new Unreadable(
      'too-large',
      `${what} has ${bytes.length} bytes; the limit is ${limits.receiptBytes}`,
    );
  }
  return receiptOf(new Members(parseObject(bytes, what, limits.depth), what), user, what, primitives);
}

export function receiptOf(members: Members, user: string, what: string, primitives: Primitives): Receipt {
  if (user.length > MOST_USER_CHARACTERS)
    throw new Unreadable('too-large', `the user of ${what} is too long`);
  members.whole('v', 1, 1);
  const salt = members.read(
    'salt',
    text => fromBase64Url(text, SALT_BYTES),
    `${SALT_BYTES} bytes in base64url`,
  );
  const headText = members.text('head', 256);
  const receipt: Receipt = {
    what,
    user,
    campaign: members.whole('campaign', 0, 0xffff_ffff),
    kind: members.whole('kind', ENTRY, CLAIM),
    source: members.whole('source', 0, 1),
    stamp: members.whole('stamp', 0, Number.MAX_SAFE_INTEGER),
    leaf: members.whole('leaf', 0, 0xffff_ffff),
    path: members.read('path', pathOf, `at most ${MOST_PATH} times ${HASH_BYTES} bytes in base64url`),
    who: whoOf(salt, user, primitives),
    headText,
    head: readHead(headText, what),
  };
  members.end();
  return receipt;
}

function pathOf(text: string): Uint8Array | undefined {
  const path = text.length <= (MOST_PATH * HASH_BYTES * 4) / 3 + 2 ? fromBase64Url(text) : undefined;
  return path !== undefined && path.length % HASH_BYTES === 0 ? path : undefined;
}

/** Checks a receipt by itself: path, gateway and, if keys are known, key and signature. */
export async function checkReceipt(
  receipt: Receipt,
  signers: Signers | undefined,
  findings: Findings,
  primitives: Primitives,
): Promise<void> {
  const { head, what } = receipt;
  const root = rootByPath(leafHash(receipt, primitives), receipt.leaf, head.count, receipt.path, primitives);
  if (root === undefined || !areEqual(root, head.root)) {
    findings.add(
      'receipt-root',
      `${what} does not lead to the root that the gateway signed: it was changed, is not the receipt of user ${JSON.stringify(receipt.user.slice(0, 60))}, or has the head of another slice`,
    );
  }
  if (gatewayOf(receipt.stamp) !== head.gateway) {
    findings.add(
      'receipt-gateway',
      `${what} has a stamp of gateway ${gatewayOf(receipt.stamp)} but a head of gateway ${head.gateway}`,
    );
  }
  const key = signers?.keyFor(head.keyId, 'slices', head.lastUs, `the head of ${what}`);
  if (key !== undefined && !(await primitives.verifyEd25519(key.bytes, head.signed, head.signature))) {
    findings.add(
      'slice-signature',
      `the head of ${what} (${nameOf(head)}) is not signed by its key ${head.keyId}`,
    );
  }
}

/** Checks receipts against the rules of the book that they are compared with. */
export function checkReceiptRules(
  receipt: Receipt,
  rules: Rules,
  closedAtUs: number,
  findings: Findings,
): void {
  const { campaign, stamp, head, what } = receipt;
  if (campaign !== rules.campaign) {
    findings.add(
      'receipt-campaign',
      `${what} is of campaign ${campaign}, but the book is of campaign ${rules.campaign}`,
    );
    return;
  }
  const atUs = instantOf(stamp, rules.opensAtUs);
  if (atUs < head.firstUs || atUs > head.lastUs) {
    findings.add('slice-instant', `${what} was stamped ${isoOf(atUs)}, outside the instants of its slice`);
  }
  if (atUs >= closedAtUs && receipt.kind !== CLAIM) {
    findings.add(
      'outside-window',
      `${what} was stamped ${isoOf(atUs)}, after the close at ${isoOf(closedAtUs)}`,
    );
  }
}

/** Compares receipts with the entries of a book; `slices` has the index of each receipt's slice in the book. */
export function locateReceipts(
  receipts: readonly Receipt[],
  slices: ReadonlyMap<string, number>,
  entries: Entries,
  judge: Pick<Judge, 'outcomeOf'>,
  rules: Rules,
  findings: Findings,
): readonly LocatedReceipt[] {
  const byWho = entries.ofWhos(
    new Set(receipts.map(({ who }) => toBase64Url(who))),
    new Set(receipts.map(({ who }) => new Uint32Array(Uint8Array.from(who).buffer)[0] ?? 0)),
  );
  return receipts.map(receipt => {
    const entry = byWho.get(toBase64Url(receipt.who));
    return locate(receipt, slices.get(receipt.headText), entry, entries, judge, rules, findings);
  });
}

function locate(
  receipt: Receipt,
  slice: number | undefined,
  entry: number | undefined,
  entries: Entries,
  judge: Pick<Judge, 'outcomeOf'>,
  rules: Rules,
  findings: Findings,
): LocatedReceipt {
  const { what, user, stamp, head } = receipt;
  const known = { user, stamp };
  if (receipt.kind === CLAIM) return claimOf(receipt, entry, entries, judge, rules, findings);
  if (slice === undefined) {
    findings.add(
      'receipt-slice-missing',
      `the slice of ${what}, ${nameOf(head)}, is signed but not in the book`,
    );
    return known;
  }
  if (entry === undefined) {
    if (receipt.kind === ENTRY) {
      findings.add(
        'receipt-left-out',
        `${what} is in a signed slice of the book, but the book has no entry of this user`,
      );
    }
    return known;
  }
  const its = entries.stamps.at(entry);
  const honoured = entries.parts.at(entry) !== part.withdrawn;
  const decided = judge.outcomeOf(entry, entries);
  const found = {
    ...known,
    entry,
    decided,
    ...(honoured ? { rank: entries.honouredBefore(entry) + 1 } : {}),
  };
  if (receipt.kind === WITHDRAWAL) {
    // A coupon may be granted before its withdrawal arrives; a raffle is drawn when all withdrawals have arrived.
    if (honoured && rules.kind === 'raffle')
      findings.add('receipt-differs', `${what} is of a withdrawal, but the book counts the entry`);
    return found;
  }
  if (its < stamp) return { ...found, earlierStamp: its };
  if (its > stamp) {
    findings.add(
      'receipt-left-out',
      `${what} has stamp ${stamp}, but the book counts this user at the later stamp ${its}`,
    );
  } else if (entries.slices.at(entry) !== slice || entries.leafIndexes.at(entry) !== receipt.leaf) {
    findings.add(
      'receipt-differs',
      `the book has the entry of ${what} at a different leaf than the receipt says`,
    );
  }
  return found;
}

/** A claim: its slice need not be in the book, which ends with the entries. */
function claimOf(
  { what, user, stamp }: Receipt,
  entry: number | undefined,
  entries: Entries,
  judge: Pick<Judge, 'outcomeOf'>,
  { opensAtUs }: Rules,
  findings: Findings,
): LocatedReceipt {
  if (entry === undefined) {
    findings.add('receipt-left-out', `${what} is of a claim, but the book has no entry of this user`);
    return { user, stamp };
  }
  const decided = judge.outcomeOf(entry, entries);
  const atUs = instantOf(stamp, opensAtUs);
  if (decided.deadlineUs !== undefined && atUs <= decided.deadlineUs) {
    findings.add(
      'claims',
      `${what} is of a claim stamped ${isoOf(atUs)}, but the book lets the offer lapse at ${isoOf(decided.deadlineUs)}`,
    );
  }
  return { user, stamp, entry, decided };
}
