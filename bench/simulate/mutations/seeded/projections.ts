/** Bugs in the projections in Redis, and in campaigns that have left Redis. */
import type { Mutation } from '../mutation.ts';

export const PROJECTION_MUTATIONS: readonly Mutation[] = [
  {
    name: 'the board announces winners that are not published',
    file: 'engine/projections/publish.ts',
    from: 'await this.#prepareAll(campaigns.filter(({ campaignId }) => this.#of(campaignId).isWhole));',
    to: '',
  },
  {
    name: 'a projection counts as complete before everybody is ranked',
    file: 'engine/projections/make-projection.ts',
    from: 'const isRanked = await rankAll(making, campaign, taken.ranked);',
    to: 'const isRanked = true;',
  },
  {
    name: 'a projection counts as complete without winners and withdrawals',
    file: 'engine/projections/make-projection.ts',
    from: 'let { won, claimants, moves } = known;',
    to: 'let { won, claimants, moves } = known;\n  if (claimants >= 0) return known;',
    seed: 407,
  },
  {
    name: 'a changed campaign counts as known',
    file: 'engine/projections/publish.ts',
    from: '[id, campaign.revision]',
    to: '[id, campaign.revision + 1]',
  },
  {
    name: 'the position changes when the campaign leaves Redis',
    file: 'gateway/cold/shelved.ts',
    from: 'rank,\n    final: true,',
    to: 'rank: rank + 1,\n    final: true,',
  },
  {
    name: 'a grant is no longer shown when the campaign has left Redis',
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
    name: 'a gateway that missed a change keeps a campaign that has left the board',
    file: 'gateway/shared/board.ts',
    from: 'if (isWhole) {',
    to: 'if (isWhole && shelvedTo < 0) {',
  },
];
