/** Terms of entrants as requests carry them. */
import type { TermsWanted } from '../../campaigns/draw-acts.ts';
import { type FieldFault, fieldFault, invalidRequest } from '../../contract/api/problem.ts';
import { MAX_USER_ID_BYTES } from '../../contract/record/record.ts';
import { EntrantBody, EntrantsBody, MAX_ENTRANTS } from '../contract/entrant-schemas.ts';
import { checkList, readBody } from '../http/input.ts';

/** Checks what no single member shows: the length of ids in bytes, and that no user occurs twice. */
export function readTerms(body: unknown): TermsWanted {
  // Before the whole, so that a fault names its item.
  if (typeof body === 'object' && body !== null && 'entrants' in body)
    checkList(EntrantBody, body.entrants, MAX_ENTRANTS, 'entrants');
  const { entrants, reason = null } = readBody(EntrantsBody, body);
  const faults: FieldFault[] = [];
  const seen = new Set<string>();
  for (const [index, { user }] of entrants.entries()) {
    const field = `entrants[${index}].user`;
    if (Buffer.byteLength(user) > MAX_USER_ID_BYTES) {
      faults.push(fieldFault(field, user, `a user id of 1 to ${MAX_USER_ID_BYTES} bytes`));
    }
    if (seen.has(user)) faults.push(fieldFault(field, user, 'a user who is not yet in the list'));
    seen.add(user);
  }
  if (faults.length > 0) throw invalidRequest(faults);
  const terms = entrants.map(({ user, tickets = 1, group = null, excluded = null }) => ({
    userId: user,
    tickets,
    group,
    excluded,
  }));
  return { terms, reason };
}
