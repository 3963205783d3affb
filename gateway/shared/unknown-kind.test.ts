/** A gateway that is older than a kind of campaign: it serves the other campaigns, and reports those that it does not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { publishBoard, readBoard, readConfirmed } from '../../engine/contract/redis/board/board.ts';
import { eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 1 });
});
after(() => system.close());

/** Publishes a copy of a campaign with changes, as an engine of a later version would. */
async function publishAs(like: number, changes: Readonly<Record<string, unknown>>): Promise<void> {
  const { redis, keys } = system;
  const { epoch } = await readBoard(redis, keys, { epoch: '', version: 0 });
  const json = (await redis.hget(keys.boardCampaigns, String(like))) ?? '';
  await publishBoard(redis, keys, Number(epoch), {
    campaigns: [{ ...JSON.parse(json), ...changes }],
  });
}

const ready = async (): Promise<{ status: number; warnings: Record<string, string> }> => {
  const response = await fetch(`${system.gateways[0]?.url}/readyz`);
  return { warnings: {}, ...JSON.parse(await response.text()), status: response.status };
};

test('answers 503 for a campaign of an unknown kind, serves the others, and logs it once', async () => {
  const known = await system.offer({ kind: 'coupon', stock: 2 });
  const [auction, dutch] = [known + 1_000, known + 1_001];
  await publishAs(known, { campaignId: auction, revision: 1, kind: 'auction', bids: { least: 3 } });
  await eventually(async () => (await ready()).warnings.campaigns !== undefined);
  const { status, warnings } = await ready();
  assert.equal(status, 200, 'it accepts entries of other campaigns');
  assert.match(warnings.campaigns ?? '', new RegExp(`^1 of unknown kind, .*: ${auction} \\("auction"\\)$`));

  for (const [method, path] of [
    ['POST', `/v1/campaigns/${auction}/entries`],
    ['GET', `/v1/campaigns/${auction}/entries/me`],
    ['GET', `/v1/campaigns/${auction}/queue`],
    ['GET', `/v1/campaigns/${auction}`],
  ] as const) {
    const answer = await system.ask('alice', method, path);
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.body.type, 'urn:fairline:problem:unavailable');
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
  }
  assert.equal((await system.enter('alice', known)).status, 202);
  await eventually(async () => {
    const answer = await system.ask('alice', 'GET', `/v1/campaigns/${known}/entries/me`);
    return answer.body.outcome === 'granted';
  });
  const later = await system.offer({ kind: 'raffle', winners: 1 });
  assert.equal((await system.enter('alice', later)).status, 202, 'the board is still read');

  await publishAs(known, { campaignId: auction, revision: 2, kind: 'auction' });
  await publishAs(known, { campaignId: dutch, revision: 1, kind: 'x'.repeat(1_000) });
  await eventually(async () => (await ready()).warnings.campaigns?.startsWith('2 ') === true);
  const logged = (system.gateways[0]?.process.output() ?? '')
    .split('\n')
    .filter(line => line.includes('auction'));
  assert.equal(logged.length, 1, logged.join('\n'));
});

test('confirms changes of an unknown campaign, and serves it once it is understood', async () => {
  const known = await system.offer({ kind: 'coupon', stock: 2 });
  const strange = known + 2_000;
  const json = JSON.parse((await system.redis.hget(system.keys.boardCampaigns, String(known))) ?? '');
  const pending = {
    version: 7,
    opensAtUs: json.opensAtUs,
    closesAtUs: json.closesAtUs,
    paused: true,
    cancelled: false,
  };
  await publishAs(known, { campaignId: strange, revision: 1, kind: 'auction', pending });
  await eventually(async () => {
    const gateways = await system.redis.hgetall(system.keys.boardConfirmed);
    const leases = Object.entries(gateways).map(([gateway, text]) => ({
      gateway: Number(gateway),
      incarnation: Number(text.split(':')[0]),
    }));
    const isHeld = (holds: readonly string[]) => holds.includes(`${strange}.7`);
    return (await readConfirmed(system.redis, system.keys, leases, isHeld)).size === 1;
  });
  await publishAs(known, { campaignId: strange, revision: 2 });
  await eventually(async () => (await system.ask('bob', 'GET', `/v1/campaigns/${strange}`)).status === 200);
  // A campaign whose new terms the gateway does not understand is no longer served under the old ones.
  await publishAs(known, { campaignId: strange, revision: 3, kind: 'auction' });
  await eventually(async () => (await system.enter('bob', strange)).status === 503);
});
