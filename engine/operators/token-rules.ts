/** What holds for the tokens of operators and of shops alike, and which names are free. */
import { fieldFault, invalidRequest, Problem } from '../contract/api/problem.ts';

const DAY_MS = 86_400_000;
const DEFAULT_LIFE_MS = 365 * DAY_MS;
/** A token that nobody renews is one that nobody remembers. */
const LONGEST_LIFE_MS = 5 * 365 * DAY_MS;

/** When a new token expires: in a year unless told otherwise. Throws Problem invalid-request if that has passed or is too far away. */
export function lifeOf(expiresAt: Date | undefined, nowMs: number): Date {
  const until = expiresAt ?? new Date(nowMs + DEFAULT_LIFE_MS);
  const latest = new Date(nowMs + LONGEST_LIFE_MS);
  if (until.getTime() > nowMs && until <= latest) return until;
  const expected = `an instant after now and by ${latest.toISOString()}`;
  throw invalidRequest([fieldFault('expires_at', until.toISOString(), expected)]);
}

export function unknownToken(tokenId: number): Problem {
  return new Problem('unknown-token', `Token ${tokenId} does not exist.`, {
    errors: [fieldFault('id', tokenId, 'the number of an existing token')],
  });
}

/** Of an operator: accounts and tokens share their names, as versions of campaigns and the log record the name. */
export const NAME_FREE =
  'a name that no account has, and no token unless it is revoked, in any letter case; and not "operator"';

/** Of a shop's token. */
export const SHOP_NAME_FREE = 'a name that no token has, in any letter case, unless it is revoked';

/** `free`: which name is not. */
export function nameTaken(
  name: string,
  remedy: string,
  free: typeof NAME_FREE | typeof SHOP_NAME_FREE,
): Problem {
  return new Problem('conflict', `The name "${name}" is taken. ${remedy}`, {
    errors: [fieldFault('name', name, free)],
  });
}
