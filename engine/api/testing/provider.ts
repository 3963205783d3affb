/** For tests: operators who log in at an identity provider, each in a browser that keeps its cookies. */
import assert from 'node:assert/strict';
import { CLIENT_ID, CLIENT_SECRET, signIn } from '../../contract/identity/testing/provider.ts';
import { readConfig } from '../../contract/process/config.ts';
import { type ProviderTerms, providerTerms, providerVariables } from '../../operators/provider/variables.ts';
import type { Answer, Call, TestApi } from './api.ts';
import { cookieIn, inSession } from './operators.ts';

/** The page of the engines. */
export const LOGIN_PAGE = 'http://localhost:8081/login';
export const AUTHORIZATION_REQUEST = '/v1/operator/authorization-request';
export const AUTHORIZATION_RESPONSE = '/v1/operator/authorization-response';
export const ROLES_OF_GROUPS = 'raffle-admins=owner,shop=editor,draws=drawer,staff=viewer';

/** As an engine reads them of its environment. */
export function termsOf(issuer: string, changes: Readonly<Record<string, string>> = {}): ProviderTerms {
  const terms = providerTerms(
    readConfig(providerVariables, {
      OPERATOR_OIDC_ISSUER: issuer,
      OPERATOR_OIDC_CLIENT_ID: CLIENT_ID,
      OPERATOR_OIDC_CLIENT_SECRET: CLIENT_SECRET,
      OPERATOR_OIDC_RETURN_URL: LOGIN_PAGE,
      OPERATOR_OIDC_ROLES: ROLES_OF_GROUPS,
      OPERATOR_OIDC_SCOPE: 'openid profile groups',
      ...changes,
    }),
  );
  assert.ok(terms !== undefined);
  return terms;
}

/** A login that is under way in a browser. */
export interface UnderWay {
  /** Where the browser is sent. */
  readonly url: URL;
  readonly cookie: string;
  complete(query: string): Promise<Answer>;
}

export async function begin(api: TestApi): Promise<UnderWay> {
  const begun = await api.call('POST', AUTHORIZATION_REQUEST, { token: undefined });
  assert.equal(begun.status, 200, begun.text);
  const cookie = cookieIn(begun) ?? '';
  return {
    url: new URL(String(begun.body.url)),
    cookie,
    complete: query => inSession(api, cookie, 'POST', AUTHORIZATION_RESPONSE, { body: { query } }),
  };
}

export async function logInByProvider(api: TestApi, sub: string): Promise<Answer> {
  const { url, complete } = await begin(api);
  return await complete(await signIn(url.href, sub, LOGIN_PAGE));
}

export interface ProviderPerson {
  readonly id: number;
  readonly name: string;
  readonly role: string;
  readonly answer: Answer;
  call(method: string, path: string, call?: Call): Promise<Answer>;
}

/** Somebody who has logged in. */
export async function providerPerson(api: TestApi, sub: string): Promise<ProviderPerson> {
  const answer = await logInByProvider(api, sub);
  assert.equal(answer.status, 200, answer.text);
  const cookie = cookieIn(answer) ?? '';
  return {
    id: Number(answer.body.account),
    name: String(answer.body.name),
    role: String(answer.body.role),
    answer,
    call: (method, path, call) => inSession(api, cookie, method, path, call),
  };
}
