/** Statements that tokens of operators and of shops have in common: their tables differ in what a token is for, a role or a shop. */
import type { Queryable } from '../../database.ts';

export interface Token {
  readonly tokenId: number;
  readonly name: string;
  readonly madeBy: string;
  readonly madeAt: Date;
  readonly expiresAt: Date;
  /** Up to a minute old. */
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
}

export interface NewToken extends Pick<Token, 'name' | 'madeBy' | 'madeAt' | 'expiresAt'> {
  /** SHA-256 of the token. */
  readonly secretHash: Uint8Array;
}

/** What a token is for: one column, with its value. */
export type TokenScope = Readonly<Record<string, string | null>>;

export class TokenTable<Scope extends TokenScope> {
  readonly scope: keyof Scope & string;
  /** For statements that only one of the tables has. */
  readonly columns: string;
  readonly #table: string;

  constructor(table: 'operator_tokens' | 'shop_tokens', scope: keyof Scope & string) {
    this.#table = table;
    this.scope = scope;
    this.columns = `token_id as "tokenId", name, ${scope}, made_by as "madeBy", made_at as "madeAt", expires_at as "expiresAt",
      last_used_at as "lastUsedAt", revoked_at as "revokedAt", revoked_by as "revokedBy"`;
  }

  /** Undefined if a token with this name, in any letter case, exists that is not revoked. */
  async insert(db: Queryable, token: NewToken, scope: Scope): Promise<(Token & Scope) | undefined> {
    const { rows } = await db.query<Token & Scope>(
      `insert into ${this.#table} (name, ${this.scope}, secret_hash, made_by, made_at, expires_at)
       values ($1, $2, $3, $4, $5, $6)
       on conflict (lower(name)) where revoked_at is null do nothing returning ${this.columns}`,
      [token.name, scope[this.scope], token.secretHash, token.madeBy, token.madeAt, token.expiresAt],
    );
    return rows[0];
  }

  async get(db: Queryable, tokenId: number): Promise<(Token & Scope) | undefined> {
    const { rows } = await db.query<Token & Scope>(
      `select ${this.columns} from ${this.#table} where token_id = $1`,
      [tokenId],
    );
    return rows[0];
  }

  /** Tokens above `after`, by id, at most `limit`. */
  async list(
    db: Queryable,
    page: { readonly after: number; readonly limit: number },
  ): Promise<readonly (Token & Scope)[]> {
    const { rows } = await db.query<Token & Scope>(
      `select ${this.columns} from ${this.#table} where token_id > $1 order by token_id limit $2`,
      [Math.min(page.after, 2 ** 31 - 1), page.limit],
    );
    return rows;
  }

  /** The token that this revokes; undefined if there is none with this id, or it was revoked before. */
  async revoke(db: Queryable, tokenId: number, revokedBy: string): Promise<(Token & Scope) | undefined> {
    const { rows } = await db.query<Token & Scope>(
      `update ${this.#table} set revoked_at = now(), revoked_by = $2
       where token_id = $1 and revoked_at is null returning ${this.columns}`,
      [tokenId, revokedBy],
    );
    return rows[0];
  }

  /** Notes that these are in use, each at most once a minute: a console that asks each second must not write each second. */
  async noteUses(db: Queryable, tokenIds: readonly number[]): Promise<void> {
    await db.query(
      `update ${this.#table} set last_used_at = now()
       where token_id = any($1::integer[]) and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
      [tokenIds],
    );
  }
}
