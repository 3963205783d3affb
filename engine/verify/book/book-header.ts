/** The first line of a book: what it says about the whole book. */
import { checkRulesHash, MOST_CAMPAIGN, type Rules, readRules } from '../draw/rules.ts';
import { type Findings, Unreadable } from '../findings.ts';
import type { Limits } from '../limits.ts';
import { type LogHead, readLogHead } from '../log/log-head.ts';
import type { Primitives } from '../primitives.ts';
import type { SignedHead } from '../receipts/head.ts';
import { type KeyRing, keysMember, readKeys, Signers } from '../receipts/keys.ts';
import { isoOf } from '../receipts/leaf.ts';
import { Members, parseCanonical } from '../text/json.ts';
import { Chains, readRoll } from './chains.ts';
import { type Raise, readRaises } from './raises.ts';

export interface BookOptions {
  readonly primitives: Primitives;
  readonly limits: Limits;
  readonly findings: Findings;
  /** Keys from another source; without them, the keys in the book are used. */
  readonly pinned: KeyRing | undefined;
  readonly onHead: (head: SignedHead, text: string, index: number) => void;
}

/** Of the format. The number is also in the message that is signed, so no book can be read as one of another version. */
export const VERSION = 2;

export interface Header {
  readonly rules: Rules;
  readonly closedAtUs: number;
  readonly signers: Signers;
  readonly chains: Chains;
  /** The head of the operator log that was the last signed one when the book was made. */
  readonly logHead: LogHead | undefined;
  /** Of the stock of a coupon, in order. */
  readonly raises: readonly Raise[];
}

/** Throws Unreadable; adds other problems as findings. */
export function readHeader(bytes: Uint8Array, { findings, limits, pinned, primitives }: BookOptions): Header {
  const what = 'line 1';
  const members = new Members(parseCanonical(bytes, what, limits.depth), what);
  const version = members.whole('book', 0, Number.MAX_SAFE_INTEGER);
  if (version !== VERSION)
    throw new Unreadable(
      'malformed',
      `the book is of version ${version} of the format; this verifier reads only version ${VERSION}`,
    );
  const campaign = members.whole('campaign', 0, MOST_CAMPAIGN);
  const json = members.json('rules');
  const rules = readRules(json, what, primitives);
  if (campaign !== rules.campaign)
    throw new Unreadable('malformed', 'the book and its rules name different campaigns');
  const closedAtUs = members.whole('closed_at_us', 0, Number.MAX_SAFE_INTEGER);
  const own = readKeys(keysMember(members, limits), 'the keys of the book', primitives);
  checkRulesHash(rules, members.text('rules_hash', 100), 'the book', findings);
  const chains = new Chains(readRoll(members, rules.opensAtUs), findings);
  const logHead = members.has('operator_log')
    ? readLogHead(members.json('operator_log') ?? null, 'the head of the operator log in the book')
    : undefined;
  const raises = readRaises(members, { rules, json, primitives, findings, limits });
  members.end();
  if (closedAtUs > rules.closesAtUs) {
    findings.add(
      'outside-window',
      `the book was closed ${isoOf(closedAtUs)}, after the announced close ${isoOf(rules.closesAtUs)}`,
    );
  }
  if (chains.roll.untilUs < closedAtUs)
    findings.add(
      'outside-window',
      'until_us lies before the close, so the chains of the book need not reach the close',
    );
  return { rules, closedAtUs, signers: new Signers(pinned, own, findings), chains, logHead, raises };
}
