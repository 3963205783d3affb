/**
 * The report on kept heads compared with a book, and above all on what is proven by the signatures of the announced monitors:
 * that an independent party, named by the rules before anybody entered, was shown these slices by then.
 */
import type { ReadBook } from '../book/read-book.ts';
import type { Monitor } from '../draw/rules.ts';
import { shown } from '../findings.ts';
import type { Window } from '../heads/keepers.ts';
import type { KeptReport, MonitorSeen } from '../heads/kept-heads.ts';
import { isoOf } from '../receipts/leaf.ts';

/** More chains than this are counted, not listed. */
const MOST_CHAINS = 8;
const MOST_PARTS = 4;

export function checkedOfKept(
  { matched, monitors }: KeptReport,
  { chains: { time }, rules }: Pick<ReadBook, 'chains' | 'rules'>,
): readonly string[] {
  const heads = matched === 1 ? 'of them is' : 'of them are';
  // Without any in the book, none is from its time, and nothing was compared.
  const compared = `The book matches the kept heads: ${matched} ${heads} in it unchanged, none from its time is missing, and it adds none where all heads were kept.`;
  return [
    ...(matched === 0 ? [] : [compared]),
    ...rules.monitors.flatMap(({ name, key }) => {
      const seen = monitors.find(each => each.key === key);
      return seen === undefined ? [] : [monitorWords(shown(name), seen, time)];
    }),
  ];
}

function monitorWords(name: string, seen: MonitorSeen, { fromUs, untilUs }: Window): string {
  const { records, matched, seenAllAtUs, parts } = seen;
  const all =
    seenAllAtUs !== undefined
      ? `By ${isoOf(seenAllAtUs)} on its clock the monitor had seen everything that can have been signed in the time of the book, from ${isoOf(fromUs)} to before ${isoOf(untilUs)}, and the book has nothing else.`
      : parts.length > 0
        ? `The monitor saw everything that begins ${partsWords(parts)}, and the book has nothing else from then.`
        : 'The monitor saw no part of this time completely.';
  return (
    `Monitor ${name}, which the rules name, signed ${records === 1 ? 'a record' : `${records} records`} of what it saw: ` +
    `${matched} ${matched === 1 ? 'slice' : 'slices'} of the book, unchanged${chainsWords(seen)}. ${all}`
  );
}

function chainsWords({ chains }: MonitorSeen): string {
  if (chains.length === 0) return '';
  const told = chains
    .slice(0, MOST_CHAINS)
    .map(
      ({ head: { gateway, incarnation, sliceNumber }, atUs }) =>
        `gateway ${gateway} (incarnation ${incarnation}) up to slice ${sliceNumber} at ${isoOf(atUs)}`,
    );
  const rest = chains.length - told.length;
  return `, of ${told.join(', ')}${rest > 0 ? `, and of ${rest} more chains` : ''}`;
}

function partsWords(parts: readonly Window[]): string {
  const told = parts
    .slice(0, MOST_PARTS)
    .map(({ fromUs, untilUs }) => `from ${isoOf(fromUs)} to before ${isoOf(untilUs)}`);
  const rest = parts.length - told.length;
  return `${told.join(', ')}${rest > 0 ? `, and in ${rest} more spans` : ''}`;
}

export function notesOfKept({ matched, monitors }: KeptReport, named: readonly Monitor[]): readonly string[] {
  const nameOf = (key: string): string | undefined => named.find(monitor => monitor.key === key)?.name;
  return [
    ...(matched === 0 ? ['No kept head is in the book, so the kept heads say nothing about it.'] : []),
    ...monitors
      .filter(({ key }) => nameOf(key) === undefined)
      .map(
        ({ key }) =>
          `The rules do not name the monitor with key ${key}: its records are compared with the book like anybody's.`,
      ),
    ...monitors
      .filter(({ missing }) => missing > 0)
      .map(
        ({ key, missing }) =>
          `Of monitor ${shown(nameOf(key) ?? key)} ${missing === 1 ? 'a record is' : `${missing} records are`} missing between the given ones.`,
      ),
  ];
}

export function notProvenOfKept(kept: KeptReport | undefined, named: readonly Monitor[]): readonly string[] {
  const has = (key: string): boolean => kept?.monitors.some(monitor => monitor.key === key) === true;
  const [present, absent] = [named.filter(({ key }) => has(key)), named.filter(({ key }) => !has(key))];
  const list = (monitors: readonly Monitor[]): string => monitors.map(({ name }) => shown(name)).join(', ');
  const notProven: string[] = [];
  if (kept !== undefined) {
    notProven.push(
      'That the kept heads are complete. Slices after the last kept head, or where heads were skipped, could have been signed again later.',
    );
    if (named.length === 0)
      notProven.push(
        'That the keeper of the heads kept everything shown. The rules name no monitor, so only the keeper says that a head was missing.',
      );
  }
  if (present.length > 0) {
    notProven.push(
      `That ${list(present)} does not sign whatever the shop asks for, and that its clock was true. A monitor's signature is only its word; the word of an independent monitor is worth more than ours.`,
    );
  }
  if (absent.length > 0) {
    notProven.push(
      `What ${list(absent)} saw. The rules name ${absent.length === 1 ? 'it as a monitor' : 'them as monitors'}, but none of their records were given (--heads). Records that differ would prove a fork.`,
    );
  }
  return notProven;
}
