/** A page of `GET /v1/heads`, read strictly: anything else counts as no answer, and is requested again. */
import { Unreadable } from '../verify/findings.ts';
import { compareHeadPositions, type HeadPosition, headPositionText } from '../verify/heads/head-positions.ts';
import { defaultLimits } from '../verify/limits.ts';
import { readHead } from '../verify/receipts/head.ts';
import { Members, parseObject } from '../verify/text/json.ts';
import type { ShownHead } from './chain-watch.ts';

/** The service shows 500. */
const MOST_HEADS = 10_000;
const MOST_TEXT = 256;

export interface ShownPage {
  readonly after: HeadPosition;
  readonly heads: readonly ShownHead[];
  /** Only on the last page: nothing with an instant up to here can be added any more. */
  readonly throughUs: number | undefined;
}

/** Throws Unreadable. */
export function readPage(bytes: Uint8Array, after: HeadPosition): ShownPage {
  const what = 'the page';
  const members = new Members(parseObject(bytes, what, defaultLimits.depth), what);
  const heads = members.array('heads', MOST_HEADS).map((text, index) => {
    if (typeof text !== 'string' || text.length > MOST_TEXT)
      throw new Unreadable('malformed', `head ${index + 1} is not a signed head`);
    return { text, head: readHead(text, `head ${index + 1}`) };
  });
  let before = after;
  for (const { head } of heads) {
    if (compareHeadPositions(before, head) >= 0)
      throw new Unreadable(
        'malformed',
        `${headPositionText(head)} does not follow ${headPositionText(before)}`,
      );
    before = head;
  }
  const next = members.text('next', MOST_TEXT);
  if (next !== headPositionText(before))
    throw new Unreadable(
      'malformed',
      `the page ends with ${headPositionText(before)}, but its next is ${next}`,
    );
  const throughUs = members.has('through_us')
    ? members.whole('through_us', 0, Number.MAX_SAFE_INTEGER)
    : undefined;
  if (throughUs !== undefined && before.firstUs > throughUs && heads.length > 0)
    throw new Unreadable(
      'malformed',
      `${headPositionText(before)} is shown, but the page says it is complete up to ${throughUs}`,
    );
  // A page without heads that is not the last one would be requested again forever.
  if (heads.length === 0 && throughUs === undefined)
    throw new Unreadable('malformed', 'the page has no heads but does not say that there are no more');
  return { after, heads, throughUs };
}
