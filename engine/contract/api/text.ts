/**
 * Text in requests. The schema limits its length, in code points as PostgreSQL counts them; a function beside it checks the
 * rest of the rule, and the description states it in words. A pattern would need a look-ahead and `\p{}`: client generators and
 * fuzzers support neither, and could not generate 17 operations.
 */
import Type from 'typebox';
import { MAX_USER_ID_BYTES } from '../record/record.ts';

const UNSHOWN = /[\p{Cc}\p{Cs}]/u;
const UNKEPT = /[\0\p{Cs}]/u;

/** What was expected, for error messages. */
export function shownTextExpected(most: number): string {
  return `text of 1 to ${most} characters, without control characters`;
}

/** Text that is shown: no control characters, no lone surrogates, and not only white space. */
export function shownText(most: number, description: string) {
  const schema = Type.String({
    minLength: 1,
    maxLength: most,
    description: `${description}. No control characters, and not only white space`,
    'x-expected': shownTextExpected(most),
  });
  return Type.Refine(schema, text => /^.*\S/u.test(text) && !UNSHOWN.test(text));
}

/** A user id; the caller also checks its length in bytes. */
export function userIdText(description: string) {
  const schema = Type.String({
    minLength: 1,
    maxLength: MAX_USER_ID_BYTES,
    description: `${description}. At most ${MAX_USER_ID_BYTES} bytes in UTF-8, none of them zero`,
    'x-expected': `a user id of 1 to ${MAX_USER_ID_BYTES} bytes`,
  });
  return Type.Refine(schema, text => !UNKEPT.test(text));
}
