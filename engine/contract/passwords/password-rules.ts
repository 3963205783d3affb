/**
 * Which passwords are refused: too short, too long, among the commonest, of one repeated piece, or made of their own address or name. NIST SP 800-63B,
 * section 3.1.1.2: length and a list of known passwords, no rules about kinds of characters.
 *
 * common-passwords.txt has the 5,000 commonest of 8 or more characters in the list of leaked passwords of @zxcvbn-ts/language-common 4.1.3
 * (MIT, Dan Wheeler and Dropbox, zxcvbn-ts), lower-cased, the commonest first.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const LEAST_CHARACTERS = 8;
/** More would only cost the hash time. */
export const MOST_CHARACTERS = 128;

export const PASSWORD_EXPECTED = `${LEAST_CHARACTERS} to ${MOST_CHARACTERS} characters`;
const LESS_COMMON = 'a password that is not among the most common ones';
const LESS_REGULAR =
  'a password that is not one piece repeated, or a row of the keyboard, alphabet or digits';
const OTHER_THAN_OWN = 'a password that is not made of your own address or name';

const ROWS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiopasdfghjklzxcvbnm',
  '1qaz2wsx3edc4rfv5tgb',
];
/** Shorter names are in too many words. */
const LEAST_NAME_CHARACTERS = 4;

/** Texts that look alike on every keyboard are one password (NIST SP 800-63B: normalise before hashing). */
export function normalisePassword(text: string): string {
  return text.normalize('NFC');
}

export class PasswordRules {
  readonly #common: ReadonlySet<string>;

  constructor() {
    const text = readFileSync(join(import.meta.dirname, 'common-passwords.txt'), 'utf8');
    this.#common = new Set(text.split('\n').filter(line => line !== ''));
  }

  /** What a better password would be; undefined if this one is accepted. `own`: the normalised address or the name of its owner. */
  refusal(password: string, own: string | undefined): string | undefined {
    if (password.length < LEAST_CHARACTERS || password.length > MOST_CHARACTERS) return PASSWORD_EXPECTED;
    const plain = password.toLowerCase();
    if (this.#common.has(plain)) return LESS_COMMON;
    if (isRepeated(plain) || isRow(plain)) return LESS_REGULAR;
    return own !== undefined && isMadeOf(plain, own.toLowerCase()) ? OTHER_THAN_OWN : undefined;
  }
}

/** One piece of at most a third of the text, again and again. */
function isRepeated(text: string): boolean {
  for (let length = 1; length * 3 <= text.length; length++) {
    const piece = text.slice(0, length);
    if (piece.repeat(Math.ceil(text.length / length)).startsWith(text)) return true;
  }
  return false;
}

function isRow(text: string): boolean {
  const backward = [...text].reverse().join('');
  return ROWS.some(row => (row + row).includes(text) || (row + row).includes(backward));
}

/** The address, or the name with at most three characters more. A name alone may be a word of a long password. */
function isMadeOf(text: string, own: string): boolean {
  const [name = ''] = own.split(/[@+]/);
  if (own.includes('@') && text.includes(own)) return true;
  return name.length >= LEAST_NAME_CHARACTERS && text.includes(name) && text.length - name.length <= 3;
}
