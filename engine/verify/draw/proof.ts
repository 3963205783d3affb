/**
 * The proof of a draw: the response of `GET …/proof`. By itself it shows that the randomness is the announced one, that the
 * seed follows from it, and that the keys of everybody drawn follow from the seed. Compared with a book it also shows that
 * nobody with a smaller key was left out.
 */
import type { Entries } from '../book/entries.ts';
import { type Findings, Unreadable } from '../findings.ts';
import type { Sha256 } from '../hashing/hmac.ts';
import type { Limits } from '../limits.ts';
import { ENTRY, instantOf, leafHash } from '../receipts/leaf.ts';
import { areEqual, compare, fromBase64Url, toBase64Url } from '../text/bytes.ts';
import { Members, parseObject } from '../text/json.ts';
import { type Drawn, keyOf } from './draw.ts';
import { checkRandomness, checkSeed, type DrawFacts, readDrawFacts } from './randomness.ts';
import { checkRulesHash, MOST_CAMPAIGN, type RaffleRules, readRules, tierOf, totalWinners } from './rules.ts';

const WHAT = 'the proof';
const MOST_DRAWN = 1_000_000;

interface Person {
  /** For messages: `winner 3`. */
  readonly what: string;
  readonly stamp: number;
  readonly who: Uint8Array;
  readonly tickets: number;
  readonly key: Uint8Array;
}

export interface Proof {
  readonly rules: RaffleRules;
  readonly rulesHash: string;
  readonly poolRoot: Uint8Array;
  readonly poolCount: number;
  readonly facts: DrawFacts;
  readonly winners: readonly Person[];
  readonly alternates: readonly Person[];
}

/** Reads a proof. Throws Unreadable, also if its form contradicts itself. */
export function readProof(bytes: Uint8Array, limits: Limits, hash: Sha256): Proof {
  if (bytes.length > limits.proofBytes) {
    throw new Unreadable('too-large', `${WHAT} has ${bytes.length} bytes; the limit is ${limits.proofBytes}`);
  }
  const members = new Members(parseObject(bytes, WHAT, limits.depth), WHAT);
  members.whole('proof', 1, 1);
  const rules = readRules(members.json('rules'), WHAT, hash);
  if (rules.kind !== 'raffle')
    throw new Unreadable('malformed', `${WHAT} has the rules of a ${rules.kind}, which has no draw`);
  const hash32 = (text: string): Uint8Array | undefined => fromBase64Url(text, 32);
  if (members.whole('campaign', 0, MOST_CAMPAIGN) !== rules.campaign) {
    throw new Unreadable('malformed', `${WHAT} and its rules name different campaigns`);
  }
  const proof = {
    rules,
    rulesHash: members.text('rules_hash', 100),
    poolRoot: members.read('pool_root', hash32, '32 bytes in base64url'),
    poolCount: members.whole('pool_count', 0, Number.MAX_SAFE_INTEGER),
    facts: readDrawFacts(members, rules),
    winners: members.array('winners', MOST_DRAWN).map((person, index) => {
      const its = new Members(person, `winner ${index + 1}`);
      its.whole('serial', index + 1, index + 1);
      const tier = tierOf(rules.draw, index + 1);
      if (tier < 0) throw new Unreadable('malformed', `${WHAT} has more winners than its rules`);
      its.whole('tier', tier, tier);
      return personOf(its, `winner ${index + 1}`);
    }),
    alternates: members.array('alternates', MOST_DRAWN).map((person, index) => {
      const its = new Members(person, `alternate ${index + 1}`);
      its.whole('alternate', index + 1, index + 1);
      return personOf(its, `alternate ${index + 1}`);
    }),
  };
  members.end();
  return proof;
}

function personOf(members: Members, what: string): Person {
  const hash32 = (text: string): Uint8Array | undefined => fromBase64Url(text, 32);
  const person = {
    what,
    stamp: members.whole('stamp', 0, Number.MAX_SAFE_INTEGER),
    who: members.read('who', hash32, '32 bytes in base64url'),
    tickets: members.has('tickets') ? members.whole('tickets', 2, 1000) : 1,
    key: members.read('key', hash32, '32 bytes in base64url'),
  };
  members.end();
  return person;
}

/** Checks a proof by itself. */
export async function checkProof(proof: Proof, findings: Findings, hash: Sha256): Promise<void> {
  const { rules, facts, winners, alternates, poolRoot, poolCount } = proof;
  checkRulesHash(rules, proof.rulesHash, WHAT, findings);
  await checkRandomness(facts, rules, undefined, findings, hash);
  checkSeed(facts, rules, poolRoot, poolCount, findings, hash);
  const drawn = [...winners, ...alternates];
  checkNumbers(proof, findings);
  for (const person of drawn) checkPerson(person, proof, findings, hash);
  drawn.forEach((person, index) => {
    const before = drawn[index - 1];
    const order = before === undefined ? -1 : compare(before.key, person.key) || before.stamp - person.stamp;
    if (order >= 0) findings.add('draw-order', `${person.what} follows one with a greater key`);
  });
}

function checkNumbers({ rules, winners, alternates, poolCount }: Proof, findings: Findings): void {
  const { draw } = rules;
  if (alternates.length > draw.alternates || (alternates.length > 0 && winners.length < totalWinners(draw))) {
    findings.add(
      'draw-order',
      `${WHAT} has ${alternates.length} alternates after ${winners.length} winners, against its rules`,
    );
  }
  if (winners.length + alternates.length > poolCount) {
    findings.add(
      'draw-order',
      `${WHAT} has more winners and alternates than the ${poolCount} entries of its pool`,
    );
  }
  const stamps = new Set([...winners, ...alternates].map(({ stamp }) => stamp));
  const whos = new Set([...winners, ...alternates].map(({ who }) => toBase64Url(who)));
  if (Math.min(stamps.size, whos.size) < winners.length + alternates.length) {
    findings.add('draw-order', `${WHAT} lists an entrant twice`);
  }
}

/** A leaf contains its source (which clock stamped it) and a proof does not, so the key must match one of the two sources. */
function checkPerson(person: Person, { rules, facts }: Proof, findings: Findings, hash: Sha256): void {
  if (instantOf(person.stamp, rules.opensAtUs) >= rules.closesAtUs) {
    findings.add('outside-window', `${person.what} of ${WHAT} was stamped after the close`);
  }
  const { campaign } = rules;
  const isRight = [0, 1].some(source => {
    const leaf = leafHash({ kind: ENTRY, source, campaign, stamp: person.stamp, who: person.who }, hash);
    return areEqual(keyOf(facts.seed, leaf, person.tickets, hash), person.key);
  });
  if (!isRight)
    findings.add('draw-key', `the key of ${person.what} does not follow from the seed and the entry`);
}

/** The result of the book's own draw, repeated. */
export interface BookDraw {
  readonly rules: RaffleRules;
  readonly poolRoot: Uint8Array;
  readonly poolCount: number;
  readonly facts: DrawFacts;
  readonly drawn: Drawn;
  readonly entries: Entries;
}

/** Compares a proof with the repeated draw of a book. */
export function compareProof(proof: Proof, book: BookDraw, findings: Findings): void {
  const differ = (what: string): void =>
    findings.add('proof-differs', `${WHAT} and the book differ in ${what}`);
  if (!areEqual(proof.rules.hash, book.rules.hash)) differ('the rules');
  if (!areEqual(proof.poolRoot, book.poolRoot) || proof.poolCount !== book.poolCount) differ('the pool');
  if (!areEqual(proof.facts.randomness, book.facts.randomness)) differ('the randomness');
  if (!areEqual(proof.facts.seed, book.facts.seed)) differ('the seed');
  comparePeople(proof.winners, book.drawn.winners, 'winners', book.entries, differ);
  comparePeople(proof.alternates, book.drawn.alternates, 'alternates', book.entries, differ);
}

function comparePeople(
  people: readonly Person[],
  drawn: readonly number[],
  what: string,
  entries: Entries,
  differ: (what: string) => void,
): void {
  if (people.length !== drawn.length) {
    differ(`the number of ${what}`);
    return;
  }
  people.forEach((person, index) => {
    const entry = drawn[index] ?? -1;
    const isSame =
      entries.stamps.at(entry) === person.stamp &&
      entries.tickets.at(entry) === person.tickets &&
      areEqual(entries.whos.at(entry), person.who);
    if (!isSame) differ(person.what);
  });
}
