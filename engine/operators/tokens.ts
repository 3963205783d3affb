/** Makes and revokes tokens: of operators, which engines check (authenticate.ts), and of shops, which gateways do (gateway/shops/). */
import { type Pool, type Queryable, transaction, violatedConstraint } from '../../sql/database.ts';
import { operatorTokens, type RoleScope } from '../../sql/statements/operators/operator-tokens.ts';
import { deleteLinksMadeBy, lockOwners } from '../../sql/statements/operators/operators.ts';
import { type ShopScope, shopTokens } from '../../sql/statements/operators/shop-tokens.ts';
import type { Token, TokenScope, TokenTable } from '../../sql/statements/operators/token-table.ts';
import { hashOfToken, newToken, type TokenKind } from '../contract/keys/bearer-tokens.ts';
import { type Actor, noteAct } from './acts.ts';
import { ENVIRONMENT_OPERATOR } from './authenticate.ts';
import { lifeOf, NAME_FREE, nameTaken, SHOP_NAME_FREE, unknownToken } from './token-rules.ts';

export interface WantedToken<Scope> {
  readonly name: string;
  readonly scope: Scope;
  readonly expiresAt: Date | undefined;
}

interface Terms<Scope extends TokenScope> {
  readonly kind: TokenKind;
  readonly table: TokenTable<Scope>;
  /** In the log, before its number. */
  readonly target: string;
  readonly free: typeof NAME_FREE | typeof SHOP_NAME_FREE;
  /** A name, in lower case, that no token may have. */
  readonly reserved?: string;
  /** What was made with a token and ends with it. */
  readonly made?: {
    /** Locks what must be locked before the token. */
    readonly lock: (db: Queryable) => Promise<void>;
    /** Ends it; resolves with what the log says of it. */
    readonly end: (db: Queryable, name: string) => Promise<object>;
  };
}

export class Tokens<Scope extends TokenScope> {
  readonly #terms: Terms<Scope>;

  constructor(terms: Terms<Scope>) {
    this.#terms = terms;
  }

  /**
   * Makes a token; the result is the only place where it stands. `nowMs` is the time of the service. Throws Problem
   * invalid-request for an expiry that has passed or is too far away, conflict for a name that is taken.
   */
  async make(
    pool: Pool,
    { name, scope, expiresAt }: WantedToken<Scope>,
    actor: Actor,
    nowMs: number,
  ): Promise<Token & Scope & { readonly token: string }> {
    const { kind, table, free, reserved } = this.#terms;
    const until = lifeOf(expiresAt, nowMs);
    if (name.toLowerCase() === reserved) throw nameTaken(name, 'It is that of the OPERATOR_TOKEN.', free);
    const token = newToken(kind);
    const row = { name, madeBy: actor.name, madeAt: new Date(nowMs), expiresAt: until };
    const made = await transaction(pool, async db => {
      const inserted = await table
        .insert(db, { ...row, secretHash: hashOfToken(token) }, scope)
        .catch((error: unknown) => {
          throw violatedConstraint(error) === 'operator_names'
            ? nameTaken(name, "It is an account's.", free)
            : error;
        });
      if (inserted === undefined) throw nameTaken(name, 'Revoke its token first.', free);
      const details = { name, ...scope, expires_at: inserted.expiresAt };
      await noteAct(db, actor, { target: this.#targetOf(inserted), details });
      return inserted;
    });
    return { ...made, token };
  }

  async list(
    db: Queryable,
    page: { readonly after: number; readonly limit: number },
  ): Promise<readonly (Token & Scope)[]> {
    return await this.#terms.table.list(db, page);
  }

  /** Throws Problem unknown-token. */
  async find(db: Queryable, tokenId: number): Promise<Token & Scope> {
    const token = await this.#terms.table.get(db, tokenId);
    if (token === undefined) throw unknownToken(tokenId);
    return token;
  }

  /**
   * Revokes a token: at once for every engine, within seconds for every gateway, and ends what was made with it. One that is revoked stays so. Throws Problem
   * unknown-token.
   */
  async revoke(pool: Pool, tokenId: number, actor: Actor): Promise<Token & Scope> {
    const { table, made } = this.#terms;
    return await transaction(pool, async db => {
      await made?.lock(db);
      const revoked = await table.revoke(db, tokenId, actor.name);
      if (revoked === undefined) return await this.find(db, tokenId);
      const ended = await made?.end(db, revoked.name);
      const details = { name: revoked.name, [table.scope]: revoked[table.scope], ...ended };
      await noteAct(db, actor, { target: this.#targetOf(revoked), details });
      return revoked;
    });
  }

  #targetOf({ tokenId }: Token): string {
    return `${this.#terms.target} ${tokenId}`;
  }
}

export const tokensOfOperators = new Tokens<RoleScope>({
  ...{ kind: 'operator', table: operatorTokens, target: 'token' },
  ...{ free: NAME_FREE, reserved: ENVIRONMENT_OPERATOR },
  made: { lock: lockOwners, end: async (db, name) => ({ ended_links: await deleteLinksMadeBy(db, name) }) },
});

export const tokensOfShops = new Tokens<ShopScope>({
  ...{ kind: 'shop', table: shopTokens, target: 'shop token', free: SHOP_NAME_FREE },
});
