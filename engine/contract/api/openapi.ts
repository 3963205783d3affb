/** What the OpenAPI documents of gateway and engine have in common. */

export const OPENAPI_VERSION = '3.1.0';

/** For operations that need neither a ticket nor a token. */
export const PUBLIC: readonly object[] = [];

/** Relative: the document describes whichever server serves it. */
export const SERVERS = [{ url: '/' }];

export function describeService(title: string, description: string): object {
  return { title, version: '1', description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } };
}

const TAGS: Readonly<Record<string, string>> = {
  accounts:
    'Accounts of fans, for shops without accounts of their own, and the tickets made of their sessions',
  blocks: 'Users and networks that may not enter, claim or redeem',
  campaigns: 'Campaigns, their entries and outcomes',
  clocks: 'The clocks that have to agree, and the statements of operators about them',
  coupons: 'Coupons: their terms of use, and the value of a code',
  heads: 'Signed heads of slices',
  keys: 'Public keys of slices and books',
  operator: 'Who acts: login, enrolment, own sessions and recovery codes',
  'operator-log': 'What operators did, each act once and in order',
  people: 'People who enter, one at a time: who a question is about, and what they have and did',
  proposals: 'What waits for a second operator',
  operators: 'Accounts of operators, with their roles',
  redemptions: 'Redeemed baskets, and their refunds',
  reservations: 'Baskets whose coupons are held',
  schedule: 'Upcoming openings, closings and drawings',
  'shop-tokens': "Tokens of shops' servers",
  service: 'The service itself: health, metrics, keys of passes, this document',
  'dead-letters': 'Dead letters: what the engine could not ingest from the log',
  tokens: 'Tokens of operators, with their roles',
  templates: 'Campaigns without their times, to be created repeatedly',
};

/** The collection of a path: its first segment below /v1/. Throws for a collection without a description. */
export function tagOf(path: string): string {
  const tag = /^\/v1\/([a-z-]+)/.exec(path)?.[1] ?? 'service';
  if (TAGS[tag] === undefined) throw new Error(`${path} has no tag with a description`);
  return tag;
}

/** The tags of these paths, with descriptions. */
export function tagsOf(paths: readonly string[]): readonly object[] {
  const names = [...new Set(paths.map(tagOf))].sort();
  return names.map(name => ({ name, description: TAGS[name] }));
}
