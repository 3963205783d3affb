/**
 * Compares the OpenAPI document with real answers: each documented answer is produced, each produced answer is documented, and
 * its body matches the document.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { problemExample, withoutValues } from '../../test/openapi.ts';
import { matchAccounts } from './testing/accounts.ts';
import { matchBlocks } from './testing/blocks.ts';
import { matchCampaigns } from './testing/campaigns.ts';
import { documented, startChecked } from './testing/checked.ts';
import { matchClocks } from './testing/clocks.ts';
import { matchCoupons } from './testing/coupons.ts';
import { matchOperatorLog } from './testing/operator-log.ts';
import { matchPeople } from './testing/people.ts';
import { matchProposals } from './testing/proposals.ts';
import { matchProvider } from './testing/provider.ts';
import { matchInvalidRequests, matchOutages, matchTooManyExports } from './testing/refusals.ts';
import { matchRooms } from './testing/rooms.ts';
import { matchSchedule } from './testing/schedule.ts';
import { matchShopTokens, matchTokens } from './testing/tokens.ts';

const checked = await startChecked();
after(() => checked.close());
const { document, given, problemsGiven } = checked;

/** In this order: the first calls find a database without campaigns. */
describe('the OpenAPI document', () => {
  it('matches successful responses', () => matchCampaigns(checked));
  it('matches schedule changes', () => matchSchedule(checked));
  it('matches rooms', () => matchRooms(checked));
  it('matches clocks', () => matchClocks(checked));
  it('matches coupons in use', () => matchCoupons(checked));
  it('matches what waits for a second operator', () => matchProposals(checked));
  it('matches tokens of shops', () => matchShopTokens(checked));
  it('matches blocks', () => matchBlocks(checked));
  it('matches people', () => matchPeople(checked));
  it('matches tokens', () => matchTokens(checked));
  it('matches accounts of operators', () => matchAccounts(checked));
  it('matches logins at the identity provider', () => matchProvider(checked));
  it('matches the operator log', () => matchOperatorLog(checked));
  it('matches invalid requests', () => matchInvalidRequests(checked));
  it('matches outages and failures', () => matchOutages(checked));
  it('matches too many concurrent exports', () => matchTooManyExports(checked));

  it('every documented response occurred', () => {
    const missing = documented(document).filter(answer => !given.has(answer));
    assert.deepEqual(missing, []);
  });

  it('shows problems as they were answered', () => {
    for (const [name, answers] of problemsGiven) {
      const [method = '', path = '', status = '', type = ''] = name.split(' ');
      const slug = type.replace('urn:fairline:problem:', '');
      const example = withoutValues(problemExample(document, { method, path, status: Number(status), slug }));
      const isReal = answers.some(answer => isDeepStrictEqual(answer, example));
      assert.ok(isReal, `${name}: ${JSON.stringify(example)}, not ${JSON.stringify(answers)}`);
    }
  });
});
