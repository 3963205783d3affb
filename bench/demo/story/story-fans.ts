/** Before the first chapter: fans sign up, open the link in their e-mail, log in, and get tickets for their sessions. */
import { linkToken, readMails } from '../../../gateway/accounts/testing/mailbox.ts';
import { until } from '../../system/waiting.ts';
import type { Site } from '../site.ts';
import { Fan } from './story-cast.ts';
import { type Answer, ask } from './story-http.ts';
import type { Teller } from './story-teller.ts';

/** In the order in which they enter. */
const NAMES = ['ada', 'ben', 'cleo', 'dan', 'eve', 'fay'] as const;
const SOON = { everyMs: 50, limitMs: 30_000 };

/** Each at one gateway; the gateways take turns. */
export async function signUpFans(teller: Teller, { gateways, mailDir }: Site): Promise<readonly Fan[]> {
  const fans = await Promise.all(
    NAMES.map((name, turn) =>
      signUp(teller, { name, base: gateways[turn % gateways.length] ?? '', mailDir }),
    ),
  );
  teller.say('fans', `${NAMES.join(', ')} sign up, open the link in their e-mail, and log in`);
  return fans;
}

interface Newcomer {
  readonly name: string;
  readonly base: string;
  readonly mailDir: string;
}

async function signUp(teller: Teller, { name, base, mailDir }: Newcomer): Promise<Fan> {
  const post = (act: string, body: object | undefined, cookie = ''): Promise<Answer> =>
    ask(base, { method: 'POST', path: `/v1/accounts${act}`, headers: { cookie }, body });
  const credentials = { address: `${name}@example.com`, password: `${name} and the seven lighthouses` };
  teller.need(`the sign-up of ${name}`, await post('', { ...credentials, locale: 'en' }), 202);
  const early = await post('/login', credentials);
  teller.refused(`the login of ${name} before the link was opened`, early, 'login-refused');
  const token = await until(`the e-mail to ${name}`, SOON, async () => {
    const mails = await readMails(mailDir);
    return mails.map(({ to, text }) => (to === credentials.address ? linkToken(text) : '')).find(Boolean);
  });
  teller.need(`the link of ${name}`, await post('/verification', { token }), 204);
  const login = teller.need(`the login of ${name}`, await post('/login', credentials), 200);
  const [cookie = ''] = (login.headers.get('set-cookie') ?? '').split(';', 1);
  const { body } = teller.need(`the ticket of ${name}`, await post('/ticket', undefined, cookie), 200);
  return new Fan({ name, id: String(body.user), base, ticket: String(body.ticket) });
}
