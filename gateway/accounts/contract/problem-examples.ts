/** The problems of the routes of accounts, as the OpenAPI document shows them: those that the code makes. */
import { fieldFault, invalidRequest, type Problem } from '../../../engine/contract/api/problem.ts';
import type { ProblemExample, ProblemExamples } from '../../../engine/contract/api/problem-examples.ts';
import { authorizationRefused, tokenRefused } from '../../../engine/contract/identity/refusals.ts';
import { PASSWORD_EXPECTED } from '../../../engine/contract/passwords/password-rules.ts';
import {
  accountsNotConfigured,
  accountsUnavailable,
  addressFault,
  foreignOrigin,
  keptByShop,
  linkRefused,
  loginRefused,
  NEW_RESET_LINK,
  NEW_VERIFICATION_LINK,
  passwordFault,
  signedOut,
  tooManyAttempts,
  tooManyExchanges,
  tooManyLogins,
  tooManyMails,
  tooManyWaiting,
  unknownSession,
  wrongPassword,
} from '../problems.ts';

function exampleOf({ message, members }: Problem): ProblemExample {
  return { detail: message, ...members };
}

/** `IDP_AUDIENCE` in the examples. */
export const SHOP_AUDIENCE = 'queue';

/** Of every operation that has them. */
export const accountProblems: ProblemExamples = {
  'invalid-request': exampleOf(invalidRequest([addressFault('ada')])),
  'signed-out': exampleOf(signedOut()),
  'login-refused': exampleOf(loginRefused()),
  'token-refused': exampleOf(
    tokenRefused(fieldFault('token.aud', 'another-service', JSON.stringify(SHOP_AUDIENCE))),
  ),
  'authorization-refused': exampleOf(
    authorizationRefused(fieldFault('error', 'access_denied', 'a login that was completed at the provider')),
  ),
  'kept-by-shop': exampleOf(keptByShop()),
  'wrong-password': exampleOf(wrongPassword()),
  'foreign-origin': exampleOf(foreignOrigin('sec-fetch-site', 'same-origin')),
  'unknown-session': exampleOf(unknownSession()),
  'payload-too-large': {
    detail: 'The body is larger than 4096 bytes.',
    errors: [fieldFault('body', '5000 bytes', 'at most 4096 bytes')],
  },
  unavailable: exampleOf(accountsUnavailable()),
  'too-many-requests': exampleOf(tooManyWaiting()),
  'not-configured': exampleOf(accountsNotConfigured()),
};

export const invalidPassword: ProblemExamples = {
  'invalid-request': exampleOf(invalidRequest([passwordFault(PASSWORD_EXPECTED)])),
};

export const invalidToken: ProblemExamples = {
  'invalid-request': exampleOf(
    invalidRequest([fieldFault('token', undefined, 'the token of the link in the e-mail')]),
  ),
};

export const invalidShopToken: ProblemExamples = {
  'invalid-request': exampleOf(
    invalidRequest([fieldFault('token', undefined, 'a JWT of at most 4000 characters')]),
  ),
};

export const invalidQuery: ProblemExamples = {
  'invalid-request': exampleOf(
    invalidRequest([fieldFault('query', undefined, 'the query of the address, at most 4000 characters')]),
  ),
};

export const subjectRefused: ProblemExamples = {
  'token-refused': exampleOf(
    tokenRefused(
      fieldFault(
        'token.sub',
        'a'.repeat(200),
        'an id of 1 to 123 bytes without control characters, in well-formed Unicode',
      ),
    ),
  ),
};

export const exchangesLimited: ProblemExamples = { 'too-many-requests': exampleOf(tooManyExchanges(0)) };
export const attemptsLimited: ProblemExamples = { 'too-many-requests': exampleOf(tooManyAttempts(0)) };
export const hashesLimited: ProblemExamples = { 'too-many-requests': exampleOf(tooManyLogins()) };
export const mailsLimited: ProblemExamples = { 'too-many-requests': exampleOf(tooManyMails(0)) };
export const resetRefused: ProblemExamples = { 'link-refused': exampleOf(linkRefused(NEW_RESET_LINK)) };
export const verificationRefused: ProblemExamples = {
  'link-refused': exampleOf(linkRefused(NEW_VERIFICATION_LINK)),
};
