/**
 * Changes that are based on a version: of a campaign, of the terms of a room, or of the terms of a coupon. The terms of a raffle's
 * entrants have none: a call sets those of the users it names, all of them and nobody else's, so it is based on nothing that
 * was read. And a list of a million comes in a thousand calls, each of which would make the tag of the next one stale.
 */
import { fieldFault, Problem } from '../contract/api/problem.ts';

/** A resource with a version of its own. */
export interface Versioned {
  readonly version: number;
}

export function etagOf({ version }: Versioned): string {
  return `"${version}"`;
}

/** The current version is not the one that the change is based on. */
export function preconditionFailed(given: string, thing: Versioned, name: string): Problem {
  const etag = etagOf(thing);
  return new Problem(
    'precondition-failed',
    `${name} has changed since the version in If-Match: read it again.`,
    {
      version: thing.version,
      errors: [fieldFault('if-match', given, `${etag}, if the change still applies`)],
    },
    { etag },
  );
}
