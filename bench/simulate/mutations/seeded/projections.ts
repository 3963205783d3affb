/** Bugs in what Redis is shown of the ledger, and in campaigns that have left Redis. */
import type { Mutation } from '../mutation.ts';

export const PROJECTION_MUTATIONS: readonly Mutation[] = [
  {
    name: 'the board speaks of winners that are not published',
    file: 'engine/projections/publish.ts',
    from: 'await this.#prepareAll(campaigns.filter(({ campaignId }) => this.#of(campaignId).isWhole));',
    to: '',
  },
  {
    name: 'a projection is whole before everybody is ranked',
    file: 'engine/projections/make-projection.ts',
    from: 'const isRanked = await rankAll(making, campaign, taken.ranked);',
    to: 'const isRanked = true;',
  },
  {
    name: 'a projection is whole without who won and who left',
    file: 'engine/projections/make-projection.ts',
    from: 'let { won, claimants, moves } = known;',
    to: 'let { won, claimants, moves } = known;\n  if (claimants >= 0) return known;',
    seed: 407,
  },
  {
    name: 'a campaign that has changed is taken for known',
    file: 'engine/projections/publish.ts',
    from: '[id, campaign.revision]',
    to: '[id, campaign.revision + 1]',
  },
  {
    name: 'the position of somebody whose campaign has left Redis is another',
    file: 'gateway/cold/shelved.ts',
    from: 'rank,\n    final: true,',
    to: 'rank: rank + 1,\n    final: true,',
  },
  {
    name: 'what somebody was granted is not told any more when the campaign has left Redis',
    file: 'gateway/cold/shelved.ts',
    from: 'hasClaims || serial === null || code === null ? undefined : { serial, code }',
    to: 'undefined',
  },
  {
    name: 'a campaign that has left Redis is unknown',
    file: 'gateway/http/requests.ts',
    from: 'parts.board.mayBeShelved(id)',
    to: 'Number.isNaN(id)',
  },
  {
    name: 'a gateway that was not told keeps a campaign that is on the board no more',
    file: 'gateway/shared/board.ts',
    from: 'if (isWhole) {',
    to: 'if (isWhole && shelvedTo < 0) {',
  },
];
