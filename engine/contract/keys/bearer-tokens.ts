/** Named tokens of operators and of shops: 256 random bits that only their holder has; the ledger has hashes. */
import { createHash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;
/** They let scanners of repositories and logs recognise a leaked token. */
const PREFIXES = { operator: 'fairline_', shop: 'fairline_shop_' } as const;
export type TokenKind = keyof typeof PREFIXES;

const PATTERNS: Readonly<Record<TokenKind, RegExp>> = {
  operator: /^fairline_[\w-]{43}$/,
  shop: /^fairline_shop_[\w-]{43}$/,
};

export function newToken(kind: TokenKind): string {
  return PREFIXES[kind] + randomBytes(TOKEN_BYTES).toString('base64url');
}

/** Whether it has the form of such a token; anything else needs no look-up. */
export function isToken(kind: TokenKind, text: string): boolean {
  return PATTERNS[kind].test(text);
}

/** SHA-256: against 256 random bits a slow hash would protect nothing more. */
export function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
