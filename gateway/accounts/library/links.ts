/**
 * The tokens of links in e-mails that are ours: the link for a new address, and what binds a link that resets the password to the address
 * it went to. (The link of a sign-up is the library's.) The process's clock decides when one ends.
 *
 * A link for a new address carries everything about the change under an HMAC. It works while the account has the credential version of the
 * session that asked: a reset of the password, a change of address or a logout everywhere voids it.
 */
import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import Type from 'typebox';
import Value from 'typebox/value';
import type { AddressChange } from '../../../sql/statements/fans/fans.ts';

const CHANGE = /^change\.([A-Za-z0-9_-]{1,1000})\.([A-Za-z0-9_-]{43})$/;
const RESET = /^([A-Za-z0-9]{24})\.([A-Za-z0-9_-]{43})$/;

const Claims = Type.Object({
  fanId: Type.String(),
  from: Type.String(),
  to: Type.String(),
  credentialVersion: Type.String(),
  untilMs: Type.Number(),
});

export interface LinksTerms {
  readonly secret: string;
  readonly lifeS: number;
  readonly nowMs?: () => number;
}

export class Links {
  readonly #key: KeyObject;
  readonly #lifeMs: number;
  readonly #nowMs: () => number;

  constructor({ secret, lifeS, nowMs = Date.now }: LinksTerms) {
    this.#key = createSecretKey(secret, 'utf8');
    this.#lifeMs = lifeS * 1_000;
    this.#nowMs = nowMs;
  }

  /** The token of a link that changes the address. */
  forChange(change: AddressChange): string {
    const claims = JSON.stringify({ ...change, untilMs: this.#nowMs() + this.#lifeMs });
    const text = Buffer.from(claims, 'utf8').toString('base64url');
    return `change.${text}.${this.#signature(`change ${text}`)}`;
  }

  /** Whether the token looks like one of forChange, valid or not. */
  isForChange(token: string): boolean {
    return token.startsWith('change.');
  }

  /** The change; undefined if the token was made up or is too old. */
  readChange(token: string): AddressChange | undefined {
    const [, text = '', signature = ''] = CHANGE.exec(token) ?? [];
    if (!this.#isSigned(`change ${text}`, signature)) return undefined;
    const claims: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (!Value.Check(Claims, claims) || claims.untilMs <= this.#nowMs()) return undefined;
    const { untilMs: _, ...change } = claims;
    return change;
  }

  /** Binds the library's token of a link to reset a password to the address that the link goes to. */
  forReset(token: string, address: string): string {
    return `${token}.${this.#signature(`reset ${token} ${address}`)}`;
  }

  /** The library's token in one of forReset, and whether the link went to this address; undefined if it cannot be one. */
  readReset(
    sealed: string,
  ): { readonly token: string; readonly wentTo: (address: string) => boolean } | undefined {
    const [, token = '', signature = ''] = RESET.exec(sealed) ?? [];
    if (token === '') return undefined;
    return { token, wentTo: address => this.#isSigned(`reset ${token} ${address}`, signature) };
  }

  #isSigned(text: string, signature: string): boolean {
    const given = Buffer.from(signature, 'latin1');
    const right = Buffer.from(this.#signature(text), 'latin1');
    return given.length === right.length && timingSafeEqual(given, right);
  }

  /** The prefix keeps these signatures apart from those of sessions and devices, which have the same secret. */
  #signature(text: string): string {
    return createHmac('sha256', this.#key).update(`link ${text}`).digest('base64url');
  }
}

/** As the library stores the token of a link to reset a password (storeIdentifier 'hashed'). */
export function resetIdentifier(token: string): string {
  return createHash('sha256').update(`reset-password:${token}`).digest('base64url');
}
