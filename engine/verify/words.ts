/**
 * What was checked, and what it does not prove, in plain words. A report must not promise more than the mathematics: each
 * sentence under "not proven" names a way in which somebody could still have been wronged.
 */
import type { Chains } from './chains.ts';
import type { KeptReport } from './kept-heads.ts';
import { isoOf } from './leaf.ts';
import type { Proof } from './proof.ts';
import type { ReadBook } from './read-book.ts';
import type { Receipt, ReceiptPlace } from './receipt.ts';
import { totalWinners } from './rules.ts';
import { notProvenOfDraw, randomnessWords } from './words-draw.ts';
import { checkedOfKept, notesOfKept, notProvenOfKept } from './words-kept.ts';

/** What could be read, for the words of the report. */
export interface Seen {
  readonly book: ReadBook | undefined;
  readonly receipts: readonly Receipt[];
  readonly places: readonly ReceiptPlace[];
  readonly proof: Proof | undefined;
  readonly pinned: boolean;
  /** Whether a root that was noted was held against the pool. */
  readonly hasNotedRoot: boolean;
  /** Whether a hash that was noted was held against the rules. */
  readonly hasNotedRules: boolean;
  /** What came of holding kept heads against the book; undefined where none were. */
  readonly kept: KeptReport | undefined;
  readonly revokedLater: readonly string[];
}

export interface Words {
  readonly checked: readonly string[];
  readonly notes: readonly string[];
  readonly notProven: readonly string[];
  readonly facts: Readonly<Record<string, unknown>>;
}

export function wordsOf(seen: Seen, isRight: boolean): Words {
  return {
    checked: isRight ? checkedOf(seen) : [],
    notes: notesOf(seen),
    notProven: notProvenOf(seen),
    facts: factsOf(seen, isRight),
  };
}

function checkedOf(seen: Seen): readonly string[] {
  const { book, receipts, places, proof, pinned, hasNotedRoot, hasNotedRules, kept } = seen;
  const checked: string[] = [];
  if (book !== undefined) checked.push(...checkedOfBook(book));
  if (receipts.length > 0 && (pinned || book !== undefined)) {
    checked.push(
      `${count(receipts.length, 'receipt')}: the slice is signed by a known key, and the receipt leads to its signed root.`,
    );
  } else if (receipts.length > 0) {
    checked.push(`${count(receipts.length, 'receipt')}: the receipt leads to the root of its slice.`);
  }
  if (places.length > 0) {
    checked.push(
      'Each is in the book at the stamp it was given, in the slice it names, and nobody with a later stamp stands before it.',
    );
  }
  for (const place of places.slice(0, MOST_PLACES)) checked.push(placeWords(place));
  if (proof !== undefined) {
    checked.push(
      `The proof: its randomness is ${randomnessWords(proof.facts, proof.rules.draw)}, its seed follows from it, the rules and the pool, and the key of everybody drawn follows from the seed, in order.`,
      ...(book === undefined
        ? []
        : ['The proof names the same winners and alternates as the draw repeated from the book.']),
    );
  }
  if (hasNotedRules) {
    checked.push(
      'The rules have the hash that was noted: since then nothing in them was changed, and none of the monitors that they name.',
    );
  }
  if (hasNotedRoot) {
    checked.push(
      'The pool has the root that was noted: since then nobody was added to it or left out, and no tickets, group or exclusion was changed.',
    );
  }
  if (kept !== undefined && book !== undefined) checked.push(...checkedOfKept(kept, book.rules.monitors));
  return checked;
}

/** More receipts than this are counted, not told one by one. */
const MOST_PLACES = 20;

function placeWords({ user, stamp, rank, earlierStamp, decided }: Seen['places'][number]): string {
  const number = decided?.serial ?? decided?.alternate;
  const became = `${decided?.outcome.replace('_', ' ')}${number === undefined ? '' : ` (number ${number})`}`;
  const who = `User ${JSON.stringify(user)}`;
  if (earlierStamp !== undefined) {
    return `${who}: an earlier request of this user, with the stamp ${earlierStamp}, is the one that counts. Outcome: ${became}.`;
  }
  if (rank === undefined)
    return `${who}: stamp ${stamp}. Outcome: ${decided === undefined ? 'none, no entry' : became}.`;
  return `${who}: stamp ${stamp}, number ${rank} of those who asked. Outcome: ${became}.`;
}

function checkedOfBook({ rules, slices, entries, judge: { granted }, draw, moves }: ReadBook): string[] {
  const checked = [
    `The book is signed as it stands, and nothing of what was signed is missing. It shows ${count(entries.count, 'entry', 'entries')}, ${entries.withdrawn} of them withdrawn.`,
    `${count(slices.count, 'slice')} of ${count(slices.gateways, 'gateway')}: each signed by a key that was valid at its time, each continuing the one before, each with exactly the items that were signed.`,
    'Stamps rise from the first entry to the last, lie between the opening and the close, and nobody is in twice.',
  ];
  const { chains } = slices;
  if (chains !== undefined) {
    checked.push(
      `Every incarnation of a gateway that had a number in this time is accounted for: ${count(chains.count, 'chain')} from before the opening, or from the registration, to behind the last withdrawal or to what is said to be the end; ${chains.quiet} are said to have signed nothing.`,
      'Every item that was signed in between shows what it is: each entry of the campaign has its line, or is a repeat of one that has, and who is withdrawn has withdrawn.',
    );
  }
  if (rules.kind === 'coupon') {
    checked.push(
      `The first ${granted} of those who did not withdraw have a coupon, numbered without gaps; the stock is ${rules.stock}. Nobody got one before somebody with an earlier stamp.`,
    );
  }
  if (moves !== undefined) {
    const { claimed, lapsed, declined } = moves.counts;
    checked.push(
      `Of what was granted or won, ${claimed} were claimed, ${lapsed} lapsed and ${declined} were declined. What became free went to whoever was next, each time, and nobody has what somebody else has.`,
    );
  }
  if (rules.kind === 'raffle' && draw !== undefined) {
    checked.push(
      `The draw was repeated: from ${randomnessWords(draw.facts, rules.draw)}, over all ${entries.honoured} entries of the pool, it gives the same ${count(draw.drawn.winners.length, 'winner')} and ${count(draw.drawn.alternates.length, 'alternate')} in the same order.`,
      'The tickets, groups and exclusions that the book shows are those that the root of the pool, and with it the seed of the draw, was made of.',
    );
  }
  return checked;
}

function notesOf({ book, revokedLater, receipts, kept }: Seen): readonly string[] {
  const notes: string[] = [];
  if (kept !== undefined && book !== undefined) notes.push(...notesOfKept(kept, book.rules.monitors));
  for (const key of revokedLater) {
    notes.push(
      `Key ${key} was revoked after it signed. If it had been stolen earlier, what it signed may be the thief's.`,
    );
  }
  if (book !== undefined && book.closedAtUs < book.rules.closesAtUs) {
    notes.push(
      `The campaign was closed ${isoOf(book.closedAtUs)}, earlier than announced (${isoOf(book.rules.closesAtUs)}).`,
    );
  }
  if (book?.rules.kind === 'raffle' && book.judge.granted < totalWinners(book.rules.draw)) {
    notes.push(`There were fewer entrants who could win than the ${totalWinners(book.rules.draw)} prizes.`);
  }
  if (book?.moves !== undefined && book.moves.early > 0) {
    notes.push(`${count(book.moves.early, 'offer')} had its deadline brought forward by the operator.`);
  }
  const forwarded = receipts.filter(({ source }) => source === 1).length;
  if (forwarded > 0) {
    notes.push(
      `${count(forwarded, 'receipt')} has the instant that a proxy in front of the gateway reported (X-Request-Start).`,
    );
  }
  return notes;
}

const AT_THE_DOOR =
  'A gateway could have refused somebody an answer, or delayed a request before stamping it: who was never given a receipt cannot show that they asked.';
const ANNOUNCED =
  'That the rules, and with them the source of a draw and the monitors, were announced before the opening: compare their hash with the one that was published then (--rules-hash).';
const WHEN_NOTED =
  'When the hash of the rules was noted: if that was before the opening, they were announced by then.';
const CLOCKS = "That a stamp's instant is the true time: it is the clock of the gateway that signed it.";

function notProvenOf(seen: Seen): readonly string[] {
  const { book, receipts, proof, pinned, hasNotedRoot, hasNotedRules, kept } = seen;
  const notProven: string[] = [];
  if (!pinned && book !== undefined) {
    notProven.push(
      'Whose keys these are: they were taken from the book itself, and whoever makes up a whole book puts in keys of their own. Give the keys the shop publishes (--keys, from GET /v1/keys) to close this.',
    );
  }
  if (receipts.length > 0 && book === undefined) {
    if (!pinned)
      notProven.push(
        'Who signed the receipt: no keys were given (--keys), so its signature was not checked.',
      );
    notProven.push('What became of the entry: that is in the book, which was not given.');
  }
  if (proof !== undefined && book === undefined) {
    notProven.push(
      'That nobody with a lesser key was left out, that the pool is the one of all who entered, and the limits of groups: these need the book.',
    );
  }
  if (book !== undefined) notProven.push(...notProvenOfBook(book, kept));
  if (book !== undefined || receipts.length > 0) notProven.push(AT_THE_DOOR, CLOCKS);
  const draw = book?.rules.kind === 'raffle' ? book.rules.draw : proof?.rules.draw;
  if (book !== undefined || proof !== undefined) notProven.push(hasNotedRules ? WHEN_NOTED : ANNOUNCED);
  const facts = book?.draw?.facts ?? proof?.facts;
  if (draw !== undefined) notProven.push(...notProvenOfDraw(draw, facts, hasNotedRoot));
  return notProven;
}

function notProvenOfBook({ rules, slices, entries, moves }: ReadBook, kept: Seen['kept']): readonly string[] {
  const notProven = [
    'That each entry is another person: a book shows salted hashes of user ids, and whoever runs the shop could have made accounts of their own.',
  ];
  const { chains, others } = slices;
  if (chains === undefined) notProven.push(...notProvenOfVersion1(others.count));
  else notProven.push(...notProvenOfChains(chains, kept !== undefined));
  notProven.push(...notProvenOfKept(kept, rules.monitors));
  if (entries.withdrawn > 0) {
    notProven.push(
      `That the ${entries.withdrawn} withdrawn entries were withdrawn by those whose they were: only they could tell.`,
    );
  }
  if (entries.weighted + entries.grouped + entries.excluded > 0) {
    notProven.push(
      'That tickets, groups and exclusions are deserved: the book shows what they were, not why somebody was given them.',
    );
  }
  if (moves !== undefined) {
    notProven.push(
      'That each claim came when the book says: it is among the signed items that are not shown, and whoever has its receipt can show otherwise. Deadlines may be later than the rules say, by as long as nobody could be heard.',
    );
  }
  notProven.push(
    'That this is the only book: compare it, or its last line, with what others were given. The same holds for slices: a gateway could show different chains to different people, until two of them compare.',
  );
  return notProven;
}

function notProvenOfVersion1(others: number): readonly string[] {
  const notProven = [
    'That no gateway, and no slice before the first of a gateway or behind its last, was left out: a book of version 1 does not show where chains begin and end.',
    'That who is said to be withdrawn has withdrawn: a book of version 1 does not show withdrawals.',
  ];
  if (others > 0) {
    notProven.push(
      `What the ${count(others, 'signed item')} that the book does not show are. They are said to be of other campaigns, withdrawals, or repeats; whoever has a receipt for one of them can show otherwise.`,
    );
  }
  return notProven;
}

function notProvenOfChains({ quiet, ended }: Chains, hasHeads: boolean): readonly string[] {
  const notProven: string[] = [];
  if (!hasHeads) {
    notProven.push(
      'That these chains are those of the time: whoever holds the keys can sign others afterwards, without a gateway, with one that never was, or with other leaves. Heads that somebody kept while the campaign was open (--heads, from GET /v1/heads), or a receipt, show it.',
    );
  }
  if (quiet > 0) {
    notProven.push(
      `That the ${count(quiet, 'incarnation')} of which the book says so signed nothing in this time: a head or a receipt of one of them shows otherwise.`,
    );
  }
  if (ended > 0) {
    notProven.push(
      `That nothing follows where ${count(ended, 'chain')} ${ended === 1 ? 'is' : 'are'} said to end: a later head or receipt shows otherwise.`,
    );
  }
  return notProven;
}

function factsOf({ book, places, proof, kept }: Seen, isRight: boolean): Readonly<Record<string, unknown>> {
  return {
    ...(book === undefined
      ? {}
      : {
          campaign: book.rules.campaign,
          kind: book.rules.kind,
          title: book.rules.title,
          entries: book.entries.count,
          pool: book.entries.honoured,
          granted: book.judge.granted,
          slices: book.slices.count,
          bytes: book.bytes,
          monitors: book.rules.monitors.map(({ name, key }) => monitorFacts(name, key, kept)),
        }),
    ...(places.length === 0 ? {} : { receipts: places.length, places: places.slice(0, MOST_PLACES) }),
    ...(proof === undefined ? {} : { proofVerified: isRight, proofWinners: proof.winners.length }),
  };
}

/** What a monitor that the rules name has seen, for programs; without records of it nothing is known. */
function monitorFacts(name: string, key: string, kept: Seen['kept']): object {
  const seen = kept?.monitors.find(monitor => monitor.key === key);
  if (seen === undefined) return { name, key, records: 0 };
  const { records, missing, matched, seenAllAtUs = null } = seen;
  return { name, key, records, missing, slices: matched, sawAllAtUs: seenAllAtUs };
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
