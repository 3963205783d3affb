/**
 * The tokens of links in e-mails that are ours: those that reset the password, and those for a new address. (The link of a sign-up is the
 * library's.) The process's clock decides when one ends.
 *
 * A link carries all that it does under an HMAC, so one that was made up costs no statement. It works while the account has the address
 * and the credential version that it had when the link was made: a reset of the password, a change of address or a logout everywhere
 * voids all links of before, and so its own use does.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import Type, { type Static, type TObject } from 'typebox';
import Value from 'typebox/value';
import type { AddressChange, ResetGrant } from '../../../sql/statements/fans/fans.ts';

const SEALED = /^(change|reset)\.([A-Za-z0-9_-]{1,1000})\.([A-Za-z0-9_-]{43})$/;

const Change = Type.Object({
  fanId: Type.String(),
  from: Type.String(),
  to: Type.String(),
  credentialVersion: Type.String(),
  untilMs: Type.Number(),
});

const Reset = Type.Object({
  fanId: Type.String(),
  address: Type.String(),
  credentialVersion: Type.String(),
  untilMs: Type.Number(),
});

export interface LinksTerms {
  readonly secret: string;
  readonly lifeS: number;
  readonly nowMs?: () => number;
}

type Kind = 'change' | 'reset';

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
    return this.#seal('change', change);
  }

  /** Whether the token looks like one of forChange, valid or not. */
  isForChange(token: string): boolean {
    return token.startsWith('change.');
  }

  /** The change; undefined if the token was made up or is too old. */
  readChange(token: string): AddressChange | undefined {
    const { untilMs: _, ...change } = this.#open('change', Change, token) ?? {};
    return 'to' in change ? change : undefined;
  }

  /** The token of a link that resets the password. */
  forReset(grant: ResetGrant): string {
    return this.#seal('reset', grant);
  }

  /** Whose password the link resets; undefined if the token was made up or is too old. */
  readReset(token: string): ResetGrant | undefined {
    const { untilMs: _, ...grant } = this.#open('reset', Reset, token) ?? {};
    return 'address' in grant ? grant : undefined;
  }

  #seal(kind: Kind, claims: object): string {
    const text = Buffer.from(
      JSON.stringify({ ...claims, untilMs: this.#nowMs() + this.#lifeMs }),
      'utf8',
    ).toString('base64url');
    return `${kind}.${text}.${this.#signature(kind, text)}`;
  }

  #open<S extends TObject>(kind: Kind, schema: S, token: string): Static<S> | undefined {
    const [, shown, text = '', signature = ''] = SEALED.exec(token) ?? [];
    if (shown !== kind || !this.#isSigned(kind, text, signature)) return undefined;
    const claims: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (!Value.Check(schema, claims)) return undefined;
    return Number(Reflect.get(Object(claims), 'untilMs')) > this.#nowMs() ? claims : undefined;
  }

  #isSigned(kind: Kind, text: string, signature: string): boolean {
    const given = Buffer.from(signature, 'latin1');
    const right = Buffer.from(this.#signature(kind, text), 'latin1');
    return given.length === right.length && timingSafeEqual(given, right);
  }

  /** The prefix keeps these signatures apart from those of sessions and devices, which have the same secret. */
  #signature(kind: Kind, text: string): string {
    return createHmac('sha256', this.#key).update(`link ${kind} ${text}`).digest('base64url');
  }
}
