/**
 * What heads that were kept say of a book, in plain words, and above all what the signatures of the monitors do that the
 * campaign was announced with: somebody outside, whom the rules named before anybody entered, was shown these slices by then.
 */
import { shown } from './findings.ts';
import type { Window } from './keepers.ts';
import type { KeptReport, MonitorSeen } from './kept-heads.ts';
import { isoOf } from './leaf.ts';
import type { Monitor } from './rules.ts';

/** More chains than this are counted, not told one by one. */
const MOST_CHAINS = 8;
const MOST_PARTS = 4;

export function checkedOfKept(
  { matched, monitors }: KeptReport,
  named: readonly Monitor[],
): readonly string[] {
  const heads = matched === 1 ? 'of them stands' : 'of them stand';
  return [
    `The book keeps to the heads that were kept: ${matched} ${heads} in it as they were, none of its time is missing, and it has none where all were kept that was not there then.`,
    ...named.flatMap(({ name, key }) => {
      const seen = monitors.find(each => each.key === key);
      return seen === undefined ? [] : [monitorWords(shown(name), seen)];
    }),
  ];
}

function monitorWords(name: string, seen: MonitorSeen): string {
  const { records, matched, seenAllAtUs, parts } = seen;
  const all =
    seenAllAtUs !== undefined
      ? `By ${isoOf(seenAllAtUs)} of its clock it had been shown all that can have been signed for the campaign, and the book has nothing else.`
      : parts.length > 0
        ? `It was shown all that begins ${partsWords(parts)}, and of this the book has nothing else.`
        : 'It was shown no part of this time whole.';
  return (
    `Monitor ${name}, which the rules name, signed ${records === 1 ? 'a record' : `${records} records`} of what it was shown: ` +
    `${matched} ${matched === 1 ? 'slice' : 'slices'} of the book as they stand in it${chainsWords(seen)}. ${all}`
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

export function notesOfKept({ monitors }: KeptReport, named: readonly Monitor[]): readonly string[] {
  const nameOf = (key: string): string | undefined => named.find(monitor => monitor.key === key)?.name;
  return [
    ...monitors
      .filter(({ key }) => nameOf(key) === undefined)
      .map(
        ({ key }) =>
          `The rules do not name the monitor with the key ${key}: its records are held against the book as anybody's would be.`,
      ),
    ...monitors
      .filter(({ missing }) => missing > 0)
      .map(
        ({ key, missing }) =>
          `Of monitor ${shown(nameOf(key) ?? key)} ${missing === 1 ? 'a record is' : `${missing} records are`} missing between those that were given.`,
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
      'That the kept heads are all of them: what was signed behind the last one that was kept, or where not all were kept, could have been signed anew.',
    );
    if (named.length === 0)
      notProven.push(
        'That whoever kept the heads kept all that they were shown: the rules name no monitor, so where a head is said not to have been there, that is their word.',
      );
  }
  if (present.length > 0) {
    notProven.push(
      `That ${list(present)} would not sign what whoever runs the shop asks for, and when it was by a true clock: a monitor's signature is its word, and that of one who is independent is worth more than ours.`,
    );
  }
  if (absent.length > 0) {
    notProven.push(
      `What ${list(absent)} ${absent.length === 1 ? 'was' : 'were'} shown: the rules name ${absent.length === 1 ? 'it as a monitor' : 'them as monitors'}, and no records of theirs were given (--heads). If they show something else, they show a fork.`,
    );
  }
  return notProven;
}
