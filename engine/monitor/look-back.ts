/**
 * Compares a page shown now with the heads that were shown and recorded before, from the same position on: every recorded head
 * must still be there, unchanged, with nothing in between.
 */
import { behind, compareHeadPositions, type HeadPosition } from '../verify/heads/head-positions.ts';
import { nameOf, type SignedHead } from '../verify/receipts/head.ts';
import { isoOf } from '../verify/receipts/leaf.ts';
import type { ShownHead } from './chain-watch.ts';
import type { MonitorFinding } from './finding.ts';
import type { ShownPage } from './page.ts';

/** Recorded heads: all that existed from the beginning of a page to `to`. */
export interface KeptStretch {
  readonly after: HeadPosition;
  readonly heads: readonly ShownHead[];
  readonly to: HeadPosition;
}

export function compareAgain(kept: KeptStretch, page: ShownPage): readonly MonitorFinding[] {
  const to = least(kept.to, reachOf(page));
  const shown = new Map(
    page.heads.filter(({ head }) => compareHeadPositions(head, to) <= 0).map(each => [each.text, each]),
  );
  const expected = new Map(
    kept.heads.filter(({ head }) => compareHeadPositions(head, to) <= 0).map(each => [each.text, each]),
  );
  const added = [...shown.values()].filter(({ text }) => !expected.has(text));
  const gone = [...expected.values()].filter(({ text }) => !shown.has(text));
  return [
    ...added.map(each => {
      const rival = gone.find(other => isSameSlot(other.head, each.head));
      return rival === undefined ? lateOf(each) : exchangedOf(each, rival);
    }),
    ...gone.filter(each => !added.some(other => isSameSlot(other.head, each.head))).map(goneOf),
  ];
}

/** Up to where a page is complete: to its last head, or, on the last page, to behind its `throughUs`. */
export function reachOf({ after, heads, throughUs }: ShownPage): HeadPosition {
  const last = heads.at(-1)?.head ?? after;
  if (throughUs === undefined) return last;
  const through = behind(throughUs);
  return compareHeadPositions(last, through) > 0 ? last : through;
}

export function lateOf({ head, text }: ShownHead): MonitorFinding {
  return {
    kind: 'late',
    message: `${nameOf(head)}, from ${isoOf(head.firstUs)} to ${isoOf(head.lastUs)}, is shown now, but was missing when the heads before and after it were shown`,
    heads: [text],
  };
}

function exchangedOf(now: ShownHead, before: ShownHead): MonitorFinding {
  return {
    kind: 'fork',
    message: `${nameOf(now.head)} is shown now, but another slice was shown in its place before`,
    heads: [now.text, before.text],
  };
}

function goneOf({ head, text }: ShownHead): MonitorFinding {
  return {
    kind: 'rewind',
    message: `${nameOf(head)}, from ${isoOf(head.firstUs)}, was shown before but is no longer shown`,
    heads: [text],
  };
}

function isSameSlot(a: SignedHead, b: SignedHead): boolean {
  return a.gateway === b.gateway && a.incarnation === b.incarnation && a.sliceNumber === b.sliceNumber;
}

function least(a: HeadPosition, b: HeadPosition): HeadPosition {
  return compareHeadPositions(a, b) <= 0 ? a : b;
}
