/** Changes that are based on a version: of a campaign, or of the terms of a room. */
import { fieldFault, Problem } from '../contract/api/problem.ts';

/** A resource with a version of its own: a campaign, the terms of a room. */
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
