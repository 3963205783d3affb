/**
 * What was checked, and what it does not prove, in plain words. A report must not promise more than the mathematics: each
 * sentence under "not proven" names a way in which somebody could still have been wronged.
 */
import type { Chains } from '../book/chains.ts';
import type { Moves } from '../book/moves.ts';
import type { ReadBook } from '../book/read-book.ts';
import type { Proof } from '../draw/proof.ts';
import { totalWinners } from '../draw/rules.ts';
import type { KeptReport } from '../heads/kept-heads.ts';
import type { NotedRules } from '../heads/noted.ts';
import type { LogReport } from '../log/operator-log.ts';
import { isoOf } from '../receipts/leaf.ts';
import type { LocatedReceipt, Receipt } from '../receipts/receipt.ts';
import { notProvenOfDraw, randomnessWords } from './report-text-draw.ts';
import { checkedOfKept, notesOfKept, notProvenOfKept } from './report-text-kept.ts';
import { checkedOfLog, logFacts, notProvenOfLog } from './report-text-log.ts';
import {
  checkedOfNotedRules,
  checkedOfRaises,
  notesOfRaises,
  notProvenOfNotedRules,
  notProvenOfRaises,
} from './report-text-raises.ts';

/** What could be read, as input of the report. */
export interface Seen {
  readonly book: ReadBook | undefined;
  readonly receipts: readonly Receipt[];
  readonly located: readonly LocatedReceipt[];
  readonly proof: Proof | undefined;
  readonly pinned: boolean;
  /** Whether the pool was compared with a noted root. */
  readonly hasNotedRoot: boolean;
  /** Which rules have the noted hash; undefined if none was given, or none have it. */
  readonly notedRules: NotedRules | undefined;
  /** The result of comparing kept heads with the book; undefined if there were none. */
  readonly kept: KeptReport | undefined;
  /** The result of reading an operator log; undefined if none was given or could be read. */
  readonly log: LogReport | undefined;
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
  const { book, receipts, located, proof, pinned, hasNotedRoot, notedRules, kept, log } = seen;
  const checked: string[] = [];
  if (book !== undefined) checked.push(...checkedOfBook(book, log !== undefined));
  if (receipts.length > 0 && (pinned || book !== undefined)) {
    checked.push(
      `${count(receipts.length, 'receipt')}: a known key signed the slice, and the receipt leads to its signed root.`,
    );
  } else if (receipts.length > 0) {
    checked.push(`${count(receipts.length, 'receipt')}: the receipt leads to the root of its slice.`);
  }
  if (located.length > 0) {
    checked.push(
      'Each is in the book at its stamp, in the slice it names, and no entry with a later stamp comes before it.',
    );
  }
  for (const receipt of located.slice(0, MOST_LOCATED)) checked.push(locatedWords(receipt));
  if (proof !== undefined) {
    checked.push(
      `The proof: its randomness is ${randomnessWords(proof.facts, proof.rules.draw)}. The seed follows from the randomness, the rules and the pool, and the key of everybody drawn follows from the seed, in order.`,
      ...(book === undefined
        ? []
        : ['The proof names the same winners and alternates as the draw repeated from the book.']),
    );
  }
  if (notedRules !== undefined) checked.push(checkedOfNotedRules(notedRules));
  if (hasNotedRoot) {
    checked.push(
      'The pool has the noted root: since then nobody was added or removed, and no tickets, group or exclusion has changed.',
    );
  }
  if (kept !== undefined && book !== undefined) checked.push(...checkedOfKept(kept, book));
  if (log !== undefined) checked.push(...checkedOfLog(log));
  return checked;
}

/** More receipts than this are counted, not listed. */
const MOST_LOCATED = 20;

function locatedWords({ user, stamp, rank, earlierStamp, decided }: Seen['located'][number]): string {
  const number = decided?.serial ?? decided?.alternate;
  const became = `${decided?.outcome.replace('_', ' ')}${number === undefined ? '' : ` (number ${number})`}`;
  const who = `User ${JSON.stringify(user)}`;
  if (earlierStamp !== undefined) {
    return `${who}: an earlier request of this user, with stamp ${earlierStamp}, counts instead. Outcome: ${became}.`;
  }
  if (rank === undefined)
    return `${who}: stamp ${stamp}. Outcome: ${decided === undefined ? 'none, no entry' : became}.`;
  return `${who}: stamp ${stamp}, number ${rank} in the queue. Outcome: ${became}.`;
}

function checkedOfBook(book: ReadBook, hasLog: boolean): string[] {
  const { rules, chains, slices, entries, judge, draw, moves, raises } = book;
  const { granted } = judge;
  const checked = [
    `The signature of the book is valid. It shows ${count(entries.count, 'entry', 'entries')}, ${entries.withdrawn} of them withdrawn.`,
    `${count(slices.count, 'slice')} of ${count(slices.gateways, 'gateway')}: each is signed by a key valid at its time, continues the previous one, and, if it is from the time of the book, shows exactly the signed items.`,
    'Stamps increase from the first entry to the last and lie between the opening and the close, and no user is in twice.',
    `The book accounts for every incarnation of a gateway in this time: it shows ${count(chains.count, 'chain')} from before the opening, or from registration, to after the last withdrawal, or, for ${chains.ended} of them, to a declared end. It declares ${chains.quiet} as silent.`,
    'Every item of these chains from this time is shown: each entry of the campaign has its line or repeats one that has, and every withdrawn entry has its withdrawal.',
  ];
  if (rules.kind === 'coupon') {
    checked.push(
      `The first ${granted} entries that were not withdrawn have a coupon, numbered without gaps; the stock is ${rules.stock}. Nobody got one ahead of an earlier stamp.`,
    );
  }
  checked.push(...checkedOfRaises(raises, hasLog));
  if (moves !== undefined) {
    const { claimed, lapsed, declined } = moves.counts;
    checked.push(
      `Of all offers, ${claimed} were claimed, ${lapsed} lapsed and ${declined} were declined. Each freed prize went to the next in line, and no two users have the same one.`,
    );
  }
  if (rules.kind === 'raffle' && draw !== undefined) {
    checked.push(
      `The repeated draw, from ${randomnessWords(draw.facts, rules.draw)}, over all ${entries.honoured} entries of the pool, gives the same ${count(draw.drawn.winners.length, 'winner')} and ${count(draw.drawn.alternates.length, 'alternate')} in the same order.`,
      'The tickets, groups and exclusions in the book match the pool root and thereby the seed of the draw.',
    );
  }
  return checked;
}

function notesOf({ book, revokedLater, receipts, kept }: Seen): readonly string[] {
  const notes: string[] = [];
  if (kept !== undefined && book !== undefined) notes.push(...notesOfKept(kept, book.rules.monitors));
  for (const key of revokedLater) {
    notes.push(
      `Key ${key} was revoked after it signed. If it was stolen earlier, the thief may have signed with it.`,
    );
  }
  if (book !== undefined) notes.push(...notesOfEarlyClose(book, kept), ...notesOfRaises(book.raises));
  if (book?.rules.kind === 'raffle' && book.judge.granted < totalWinners(book.rules.draw)) {
    notes.push(`Fewer entrants could win than there were prizes (${totalWinners(book.rules.draw)}).`);
  }
  if (book?.moves !== undefined) notes.push(...notesOfEarlyEnds(book.moves));
  const forwarded = receipts.filter(({ source }) => source === 1).length;
  if (forwarded > 0) {
    notes.push(
      `${count(forwarded, 'receipt')} with the arrival time reported by a proxy in front of the gateway (X-Request-Start).`,
    );
  }
  return notes;
}

/** The reasons are the operator's: nothing in a book depends on them, so they are shown as they are. */
function notesOfEarlyEnds({ early }: Moves): readonly string[] {
  return [...early].map(
    ([reason, offers]) =>
      `The operator brought the deadline of ${count(offers, 'offer')} forward. Stated reason: ${reason === undefined ? 'various others' : JSON.stringify(reason)}.`,
  );
}

function notesOfEarlyClose({ closedAtUs, rules }: ReadBook, kept: Seen['kept']): readonly string[] {
  if (closedAtUs >= rules.closesAtUs) return [];
  const notes = [
    `The operator states that the campaign was closed ${isoOf(closedAtUs)}, earlier than announced (${isoOf(rules.closesAtUs)}). Nothing that a gateway signed says so.`,
  ];
  const { slices = 0, items = 0 } = kept?.after ?? {};
  if (slices > 0) {
    notes.push(
      `Of the kept heads, ${count(slices, 'slice')} with ${count(items, 'item')} begin after the time of this book and before the announced close. The book does not show what these items are, and their signatures were not checked.`,
    );
  }
  return notes;
}

/** The book ends at the stated close, so it cannot show that nothing followed. */
function notProvenOfEarlyClose({ closedAtUs, rules }: ReadBook): readonly string[] {
  if (closedAtUs >= rules.closesAtUs) return [];
  const steered =
    rules.kind === 'raffle' && rules.draw.randomness.source === 'commit'
      ? ' Somebody who knew the secret could have chosen the close by who would win.'
      : '';
  return [
    `That the campaign was closed at the stated time. Entries from then to the announced close would be in slices that the book does not have to show, and would not count. A receipt of one of them proves otherwise. Compare the time with what the campaign showed as its close (closes_at in GET /v1/campaigns/{id}).${steered}`,
  ];
}

const BEFORE_STAMPING =
  'That no gateway refused to answer or delayed a request before stamping it. A user without a receipt cannot prove the request.';
const ANNOUNCED =
  'That the rules, including the source of randomness and the monitors, were announced before the opening. Compare their hash with the one published then (--rules-hash).';
const CLOCKS = 'That a stamp shows the true time. It shows the clock of the gateway that signed it.';

function notProvenOf(seen: Seen): readonly string[] {
  const { book, receipts, proof, pinned, hasNotedRoot, notedRules, kept, log } = seen;
  const notProven: string[] = [];
  if (!pinned && book !== undefined) {
    notProven.push(
      'Whose keys these are. They come from the book itself, and a fabricated book has fabricated keys. Give the keys that the shop publishes (--keys, from GET /v1/keys) to rule this out.',
    );
  }
  if (receipts.length > 0 && book === undefined) {
    if (!pinned)
      notProven.push(
        'Who signed the receipt. No keys were given (--keys), so its signature was not checked.',
      );
    notProven.push('What became of the entry. The book shows that, and it was not given.');
  }
  if (proof !== undefined && book === undefined) {
    notProven.push(
      'That nobody with a smaller key was left out, that the pool contains all entrants, and that group limits were kept. These checks need the book.',
    );
  }
  if (book !== undefined) notProven.push(...notProvenOfBook(book, kept, log !== undefined));
  if (book !== undefined || receipts.length > 0) notProven.push(BEFORE_STAMPING, CLOCKS);
  const draw = book?.rules.kind === 'raffle' ? book.rules.draw : proof?.rules.draw;
  if (book !== undefined || proof !== undefined)
    notProven.push(notedRules === undefined ? ANNOUNCED : notProvenOfNotedRules(notedRules));
  const facts = book?.draw?.facts ?? proof?.facts;
  if (draw !== undefined) notProven.push(...notProvenOfDraw(draw, facts, hasNotedRoot));
  if (log !== undefined) notProven.push(...notProvenOfLog(log));
  return notProven;
}

function notProvenOfBook(book: ReadBook, kept: Seen['kept'], hasLog: boolean): readonly string[] {
  const { rules, chains, entries, moves, raises } = book;
  const notProven = [
    'That each entry is a different person. A book shows salted hashes of user ids, and the shop could have created accounts of its own.',
  ];
  notProven.push(
    ...notProvenOfEarlyClose(book),
    ...notProvenOfChains(chains, kept !== undefined),
    ...notProvenOfKept(kept, rules.monitors),
    ...notProvenOfRaises(raises, hasLog),
  );
  if (entries.withdrawn > 0) {
    notProven.push(
      `That the owners of the ${entries.withdrawn} withdrawn entries withdrew them. Only they can tell.`,
    );
  }
  if (entries.weighted + entries.grouped + entries.excluded > 0) {
    notProven.push(
      'That tickets, groups and exclusions are justified. The book shows what they were, not why.',
    );
  }
  if (moves !== undefined) {
    notProven.push(
      'That each claim came when the book says. Claims are among the signed items that are not shown; a receipt of one can prove otherwise. Deadlines may be later than in the rules, by the length of outages, and earlier where the operator states a reason.',
    );
  }
  notProven.push(
    'That this is the only book. Compare it, or its last line, with copies of others. The same holds for slices: a gateway could show different chains to different people until two of them compare.',
  );
  return notProven;
}

function notProvenOfChains({ quiet, ended }: Chains, hasHeads: boolean): readonly string[] {
  const notProven: string[] = [];
  if (!hasHeads) {
    notProven.push(
      'That these chains are whole, and date from the campaign. The key for books is enough to leave out a gateway, or the last slices of one, and to declare it as silent or ended; with the keys for slices, other chains can be signed later, with an invented gateway or other leaves. No heads were given that could show it: keep heads while a campaign is open (--heads, from GET /v1/heads), or a receipt.',
    );
  }
  if (quiet > 0) {
    notProven.push(
      `That the ${count(quiet, 'incarnation')} declared as silent signed nothing in this time. A head or a receipt of one of them proves otherwise.`,
    );
  }
  if (ended > 0) {
    notProven.push(
      `That nothing follows the declared end of ${count(ended, 'chain')}. A later head or receipt proves otherwise.`,
    );
  }
  return notProven;
}

function factsOf(
  { book, located, proof, kept, log }: Seen,
  isRight: boolean,
): Readonly<Record<string, unknown>> {
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
          closedAtUs: book.closedAtUs,
          announcedCloseUs: book.rules.closesAtUs,
          slices: book.slices.count,
          bytes: book.bytes,
          monitors: book.rules.monitors.map(({ name, key }) => monitorFacts(name, key, kept)),
        }),
    ...(located.length === 0 ? {} : { receipts: located.length, locations: located.slice(0, MOST_LOCATED) }),
    ...(log === undefined ? {} : { operatorLog: logFacts(log) }),
    ...(proof === undefined ? {} : { proofVerified: isRight, proofWinners: proof.winners.length }),
  };
}

/** What a monitor named by the rules has seen, for programs; without its records nothing is known. */
function monitorFacts(name: string, key: string, kept: Seen['kept']): object {
  const seen = kept?.monitors.find(monitor => monitor.key === key);
  if (seen === undefined) return { name, key, records: 0 };
  const { records, missing, matched, seenAllAtUs = null } = seen;
  return { name, key, records, missing, slices: matched, sawAllAtUs: seenAllAtUs };
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
