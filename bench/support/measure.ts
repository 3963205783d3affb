/** Asks the operator's API the questions of those who help customers, one after the other, each kind in turn. */
import { Histogram } from '../load/histogram.ts';
import { type Customer, ENTRIES_A_USER } from './fill.ts';

export interface Asked {
  readonly base: string;
  readonly token: string;
}

interface Question {
  readonly path: string;
  /** Absent: a GET. */
  readonly body?: object;
  /** Throws unless the answer is about this customer. */
  readonly check: (answer: Record<string, unknown>) => void;
}

/** One look-up by a primary key, with the same HTTP and the same check of the token. */
export const LOOK_UP = 'a campaign by its id';

const QUESTIONS: Readonly<Record<string, (customer: Customer) => Question>> = {
  [LOOK_UP]: ({ campaign }) => ({
    path: `/v1/campaigns/${campaign}`,
    check: answer => expect(answer.id, campaign),
  }),
  'search: user': ({ user }) => search({ user }, user),
  'search: user, nobody': ({ user }) => search({ user: `${user}-nobody` }, undefined),
  'search: address': ({ user, address }) => search({ address }, user),
  'search: code': ({ user, code }) => search({ code }, user),
  'search: serial': ({ user, campaign, serial }) => search({ campaign, serial }, user),
  'search: receipt': ({ user, receipt }) => search({ receipt }, user),
  'story: account': ({ user }) => ({
    path: '/v1/people/account',
    body: { user },
    check: ({ sessions }) => expect(lengthOf(sessions), 1),
  }),
  'story: campaigns': ({ user }) => ({
    path: '/v1/people/campaigns',
    body: { user },
    check: ({ campaigns }) => {
      expect(lengthOf(campaigns), ENTRIES_A_USER);
      const isWhole =
        Array.isArray(campaigns) && campaigns.every(({ entry }) => entry?.receipt && entry.position);
      expect(isWhole, true);
    },
  }),
  'story: redemptions': ({ user }) => ({
    path: '/v1/people/redemptions',
    body: { user },
    check: ({ redemptions }) => expect(lengthOf(redemptions), 1),
  }),
};

function search(body: object, user: string | undefined): Question {
  return {
    path: '/v1/people/search',
    body,
    check: ({ people }) => {
      const found = Array.isArray(people) ? people.map(person => person.user) : people;
      expect(String(found), user ?? '');
    },
  };
}

function lengthOf(list: unknown): unknown {
  return Array.isArray(list) ? list.length : list;
}

function expect(given: unknown, wanted: unknown): void {
  if (given !== wanted) throw new Error(`answered ${String(given)}, expected ${String(wanted)}`);
}

/** The times of each kind of question, over all customers. */
export async function measureQuestions(
  { base, token }: Asked,
  customers: readonly Customer[],
): Promise<ReadonlyMap<string, Histogram>> {
  const times = new Map(Object.keys(QUESTIONS).map(kind => [kind, new Histogram()]));
  for (const customer of customers) {
    for (const [kind, questionOf] of Object.entries(QUESTIONS)) {
      const { path, body, check } = questionOf(customer);
      const beganMs = performance.now();
      const response = await fetch(`${base}${path}`, {
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      });
      const answer = (await response.json()) as Record<string, unknown>;
      times.get(kind)?.add((performance.now() - beganMs) * 1_000);
      if (response.status !== 200) throw new Error(`${kind}: ${JSON.stringify(answer)}`);
      try {
        check(answer);
      } catch (error) {
        throw new Error(`${kind}: ${JSON.stringify(answer)}`, { cause: error });
      }
    }
  }
  return times;
}
