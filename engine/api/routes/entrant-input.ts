/** Terms of entrants as requests carry them. */
import type { EntrantTerms } from '../../../sql/statements/draws/entrant-terms.ts';
import { type FieldFault, fieldFault, invalidRequest } from '../../contract/api/problem.ts';
import { MAX_USER_ID_BYTES } from '../../contract/record/record.ts';
import { EntrantBody, MAX_ENTRANTS } from '../contract/entrant-schemas.ts';
import { readList } from '../http/input.ts';

/** Checks what no single member shows: the length of ids in bytes, and that no user occurs twice. */
export function readTerms(body: unknown): EntrantTerms[] {
  const given = readList(EntrantBody, body, MAX_ENTRANTS);
  const faults: FieldFault[] = [];
  const seen = new Set<string>();
  for (const [index, { user }] of given.entries()) {
    const field = `[${index}].user`;
    if (Buffer.byteLength(user) > MAX_USER_ID_BYTES) {
      faults.push(fieldFault(field, user, `a user id of 1 to ${MAX_USER_ID_BYTES} bytes`));
    }
    if (seen.has(user)) faults.push(fieldFault(field, user, 'a user who is not yet in the list'));
    seen.add(user);
  }
  if (faults.length > 0) throw invalidRequest(faults);
  return given.map(({ user, tickets = 1, group = null, excluded = null }) => ({
    userId: user,
    tickets,
    group,
    excluded,
  }));
}
