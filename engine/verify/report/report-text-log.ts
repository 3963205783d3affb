/** The words of the report about an operator log. */
import type { LogReport } from '../log/operator-log.ts';
import { isoOf } from '../receipts/leaf.ts';

export function checkedOfLog({ rows, heads, areHeadsChecked, last, hasHeadOfBook }: LogReport): string[] {
  const checked = [
    `The operator log has ${rows} ${rows === 1 ? 'act' : 'acts'}, numbered from 1 without gaps. The hash of each follows from what it says and from the act before.`,
  ];
  if (heads > 0) {
    const signed = areHeadsChecked ? 'signed by a known key' : 'whose signatures were not checked';
    checked.push(`${heads} of its heads, ${signed}, are over the same acts.`);
  }
  if (last !== undefined)
    checked.push(`The last head, of ${isoOf(last.atMs * 1000)}, covers the acts up to ${last.seq}.`);
  if (hasHeadOfBook) checked.push('The head that the book names is over an act of this log.');
  return checked;
}

export function notProvenOfLog({ rows, areHeadsChecked, last, hasHeadOfBook }: LogReport): string[] {
  const notProven: string[] = [];
  if (!areHeadsChecked)
    notProven.push('Who signed the heads of the operator log. No keys were given (--keys).');
  const covered = last?.seq ?? 0;
  if (rows > covered)
    notProven.push(
      `That the acts of the operator log from ${covered + 1} on are as they were written: no signed head covers them yet.`,
    );
  notProven.push(
    `That nothing followed act ${rows}: acts can be cut off together with the heads over them. A book that was made later, from another source, shows it.`,
    `That the log was not written anew and its heads signed anew, which needs the key for books.${hasHeadOfBook ? '' : ' A book from another source shows it: give it as well.'}`,
    'That everything done to the ledger is in the operator log. Somebody with access to the database needs no operator.',
  );
  return notProven;
}

/** For programs. */
export function logFacts({ rows, heads, last, hasHeadOfBook }: LogReport): object {
  return { acts: rows, heads, coveredTo: last?.seq ?? 0, hasHeadOfBook };
}
