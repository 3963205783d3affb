/** What a login at an identity provider refuses, of fans and of operators. Each problem is made here once. */
import { type FieldFault, faultsText, fieldFault, Problem } from '../api/problem.ts';

/** A token of the provider; the fault names the claim or header that is wrong. */
export function tokenRefused(fault: FieldFault): Problem {
  const errors = [fault];
  return new Problem('token-refused', `The token is not accepted: ${faultsText(errors)}.`, { errors });
}

export function algorithmRefused(alg: string | undefined, algorithms: readonly string[]): Problem {
  return tokenRefused(fieldFault('token.alg', alg, `one of ${algorithms.join(', ')}`));
}

/** A login at the provider that did not succeed; the fault names a parameter of the response. */
export function authorizationRefused(fault: FieldFault): Problem {
  const errors = [fault];
  const detail = `The login at the identity provider was not completed: ${faultsText(errors)}. Begin another.`;
  return new Problem('authorization-refused', detail, { errors });
}

export function providerUnavailable(): Problem {
  return unavailable('Retrying is safe.');
}

/** The code of the login may have been used up, so the same response might be refused. */
export function loginUnavailable(): Problem {
  return unavailable('Begin another login if a retry is refused.');
}

function unavailable(remedy: string): Problem {
  const detail = `The identity provider does not answer as it should right now. ${remedy}`;
  return new Problem('unavailable', detail, {}, { 'retry-after': '5' });
}
