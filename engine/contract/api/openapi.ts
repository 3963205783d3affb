/** What the OpenAPI documents of gateway and engine have in common. */

/** For operations that need neither a ticket nor a token. */
export const PUBLIC: readonly object[] = [];

/** Relative: the document describes whichever server serves it. */
export const SERVERS = [{ url: '/' }];

export function describeService(title: string, description: string): object {
  return { title, version: '1', description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } };
}

const TAGS: Readonly<Record<string, string>> = {
  campaigns: 'Campaigns: what is offered, who enters, and what becomes of them',
  clocks: 'The clocks that have to agree, and what an operator says about them',
  coupons: 'Coupons: on what terms they may be used, and what a code is good for',
  heads: 'Signed heads of slices, as they are made',
  keys: 'Public keys of slices and books',
  redemptions: 'Baskets that are redeemed, and refunds of them',
  reservations: 'Baskets whose coupons are held',
  schedule: 'What opens, closes and is drawn next',
  service: 'The service itself: health, metrics, keys of passes, this document',
  'set-aside': 'What of the log could not be taken in',
  templates: 'Campaigns without their times, to be made again and again',
};

/** The collection of a path: its first segment below /v1/. Throws for a collection without a description. */
export function tagOf(path: string): string {
  const tag = /^\/v1\/([a-z-]+)/.exec(path)?.[1] ?? 'service';
  if (TAGS[tag] === undefined) throw new Error(`${path} has no tag that is described`);
  return tag;
}

/** The tags of these paths, with descriptions. */
export function tagsOf(paths: readonly string[]): readonly object[] {
  const names = [...new Set(paths.map(tagOf))].sort();
  return names.map(name => ({ name, description: TAGS[name] }));
}
