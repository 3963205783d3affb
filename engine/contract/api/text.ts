/**
 * Text that comes in. The schema says its length, in code points as PostgreSQL counts them; the rest of the rule is a
 * function beside it, and stands in words in the description. As a pattern it would need a look-ahead and `\p{}`: client
 * generators and fuzzers take neither, and 17 operations could not be generated.
 */
import Type from 'typebox';
import { MAX_USER_ID_BYTES } from '../record/record.ts';

const UNSHOWN = /[\p{Cc}\p{Cs}]/u;
const UNKEPT = /[\0\p{Cs}]/u;

/** What would be right, in the words of an error. */
export function shownTextExpected(most: number): string {
  return `text of 1 to ${most} characters, without control characters`;
}

/** Text that is shown: no control characters, no halves of characters, not white space alone. */
export function shownText(most: number, description: string) {
  const schema = Type.String({
    minLength: 1,
    maxLength: most,
    description: `${description}. Has no control characters, and not white space alone`,
    'x-expected': shownTextExpected(most),
  });
  return Type.Refine(schema, text => /^.*\S/u.test(text) && !UNSHOWN.test(text));
}

/** A user id; that it has no more than so many bytes is checked besides. */
export function userIdText(description: string) {
  const schema = Type.String({
    minLength: 1,
    maxLength: MAX_USER_ID_BYTES,
    description: `${description}. Has at most ${MAX_USER_ID_BYTES} bytes in UTF-8, none of them zero`,
    'x-expected': `a user id of 1 to ${MAX_USER_ID_BYTES} bytes`,
  });
  return Type.Refine(schema, text => !UNKEPT.test(text));
}
