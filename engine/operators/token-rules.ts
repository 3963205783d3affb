/** What holds for the tokens of operators and of shops alike. */
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

export function nameTaken(name: string, remedy: string): Problem {
  return new Problem('conflict', `The name "${name}" is taken. ${remedy}`, {
    errors: [fieldFault('name', name, 'a name that no token has, in any letter case, unless it is revoked')],
  });
}
