/**
 * Before the first chapter: the one-time link makes the first owner, who invites an operator with a role. Both log in with a password and an
 * authenticator; from then on they act in their sessions.
 */
import { Secret, TOTP } from 'otpauth';
import { OperatorClient } from './story-cast.ts';
import type { Answer } from './story-http.ts';
import type { Teller } from './story-teller.ts';

const STEP_MS = 30_000;

interface Team {
  readonly owner: OperatorClient;
  readonly editor: OperatorClient;
}

/** `base`: the engine; `token`: its OPERATOR_TOKEN, which `npm start` uses to print the link. */
export async function makeOwner(
  teller: Teller,
  { base, token }: { readonly base: string; readonly token: string },
): Promise<Team> {
  teller.chapter('0. An owner, an operator, and fans');
  const machine = OperatorClient.withToken('machine', { base, token });
  const first = teller.need(
    'the link of the first owner',
    await machine.ask('POST', '/v1/operators/first-owner-link'),
    201,
  );
  const link = String(first.body.token);
  const olga = await enrol(teller, base, link, 'olga');
  teller.say('olga', 'becomes the first owner by the link, with a password and an authenticator');
  const again = await OperatorClient.nobody(base).ask('POST', '/v1/operator/enrolment', {
    body: { token: link },
  });
  teller.equal('the link used again', again.status, 410);
  const none = await machine.ask('POST', '/v1/operators/first-owner-link');
  teller.equal('another link for a first owner', none.status, 409);

  const body = { name: 'otto', role: 'editor' };
  const invited = teller.need('an invitation', await olga.client.ask('POST', '/v1/operators', { body }), 201);
  const otto = await enrol(teller, base, String(Object(invited.body.link).token));
  teller.say('otto', 'enrols as an editor by the link of his invitation');
  const logged = await logInAgain(teller, base, otto);
  await refuseWhatIsNotHis(teller, olga.client, logged, Number(invited.body.id));
  return { owner: olga.client, editor: logged };
}

interface Enrolled {
  readonly client: OperatorClient;
  readonly name: string;
  readonly password: string;
  readonly totp: TOTP;
  /** The step of the code that was used. */
  readonly step: number;
  readonly recoveryCode: string;
}

/** `name`: for the first owner, who chooses it. */
async function enrol(teller: Teller, base: string, token: string, name?: string): Promise<Enrolled> {
  const nobody = OperatorClient.nobody(base);
  const begun = teller.need(
    'an enrolment',
    await nobody.ask('POST', '/v1/operator/enrolment', { body: { token } }),
    200,
  );
  const totp = new TOTP({ secret: Secret.fromBase32(String(begun.body.totp_secret)) });
  const password = `${name ?? begun.body.name} and the five wooden boats`;
  const nowMs = Date.now();
  const completion = {
    ...{ token, enrolment: begun.body.enrolment, code: totp.generate({ timestamp: nowMs }) },
    ...{ password, name },
  };
  const done = teller.need(
    'its completion',
    await nobody.ask('POST', '/v1/operator/enrolment/completion', { body: completion }),
    201,
  );
  const codes = done.body.recovery_codes;
  const recoveryCode = Array.isArray(codes) ? String(codes[0]) : '';
  const called = String(done.body.name);
  const step = Math.floor(nowMs / STEP_MS);
  return {
    client: OperatorClient.inSession(called, base, done),
    name: called,
    password,
    totp,
    step,
    recoveryCode,
  };
}

/** The code of the enrolment is used up: the next one is needed, and works once. */
async function logInAgain(
  teller: Teller,
  base: string,
  { client, name, password, totp, step, recoveryCode }: Enrolled,
): Promise<OperatorClient> {
  const nobody = OperatorClient.nobody(base);
  const logIn = (code: string): Promise<Answer> =>
    nobody.ask('POST', '/v1/operator/login', { body: { name, password, code } });
  const out = await client.ask('POST', '/v1/operator/logout');
  teller.equal('a logout', out.status, 200);
  teller.equal('who is logged out', (await client.ask('GET', '/v1/operator')).status, 401);
  const used = totp.generate({ timestamp: step * STEP_MS });
  teller.equal('a code used again', (await logIn(used)).status, 401);
  const nextStep = Math.max(step + 1, Math.floor(Date.now() / STEP_MS));
  const next = totp.generate({ timestamp: nextStep * STEP_MS });
  const [one, two] = await Promise.all([logIn(next), logIn(next)]);
  const statuses = [one.status, two.status].sort();
  teller.equal('two logins with one code', statuses, [200, 401]);
  teller.say(name, 'logs in with the next code, which works once; another login with it is refused');
  const recovered = await logIn(recoveryCode);
  teller.equal('a recovery code', recovered.status, 200);
  teller.equal('a recovery code used again', (await logIn(recoveryCode)).status, 401);
  return OperatorClient.inSession(name, base, one.status === 200 ? one : two);
}

async function refuseWhatIsNotHis(
  teller: Teller,
  olga: OperatorClient,
  otto: OperatorClient,
  ottosId: number,
): Promise<void> {
  const invite = { body: { name: 'otto2', role: 'owner' } };
  teller.equal('an editor who invites', (await otto.ask('POST', '/v1/operators', invite)).status, 403);
  const foreign = await otto.ask('POST', '/v1/templates', {
    headers: { 'sec-fetch-site': 'cross-site' },
    body: {},
  });
  teller.equal('a page of another site in his session', foreign.status, 403);
  const me = await olga.ask('GET', '/v1/operator');
  teller.check('the owner should have another account', me.body.account !== ottosId, me.body);
  const own = await olga.ask('POST', `/v1/operators/${me.body.account}/disable`, { body: {} });
  teller.equal('the last owner who disables herself', own.status, 409);
  teller.say('olga', 'cannot disable her own account, and is the last owner');
}
