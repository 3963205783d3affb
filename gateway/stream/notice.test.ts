/** Why a campaign is paused or was cancelled, as fans are told it, on the real stack; the operator's own reason is never shown. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type EventStream, openEvents } from '../../engine/test/events.ts';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { ANY_VERSION } from '../testing/room.ts';

const PAUSE = { ko: '상점 점검 중입니다.', en: 'The shop is being repaired.' };
const END = { ko: '가격이 잘못되어 취소합니다.', en: 'The price was wrong.' };
const SECRET = 'Incident 4711, ask Ada';

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 2 });
});
after(() => system.close());

function change(campaign: number, what: string, body: object): Promise<Answer> {
  return system.operate('POST', `/v1/campaigns/${campaign}/${what}`, body, ANY_VERSION);
}

function told({ events }: EventStream, name: string): Promise<unknown> {
  return eventually(() => events.find(({ event }) => event === name)?.data);
}

test('fans read and hear why a campaign is paused, that it goes on, and why it was cancelled', async () => {
  const campaign = await system.offer({ kind: 'raffle', winners: 1 });
  const path = `/v1/campaigns/${campaign}`;
  assert.equal((await system.enter('ann', campaign)).status, 202);
  const authorization = `Bearer ${await system.ticket('ann')}`;
  const stream = await openEvents(`${system.gateways[0]?.url}${path}/queue`, { authorization });
  await told(stream, 'position');

  const paused = await change(campaign, 'pause', { reason: SECRET, notice: PAUSE });
  assert.deepEqual([paused.status, paused.body.notice], [200, PAUSE], paused.text);
  for (const gateway of [0, 1]) {
    // Accepts nobody since before the answer to the operator, and shows why once it has read the board again.
    const shown = await eventually(async () => {
      const answer = await system.ask('bob', 'GET', path, { gateway });
      return answer.body.status === 'paused' && answer;
    });
    assert.deepEqual(shown.body.notice, PAUSE);
    const refused = await system.ask('bob', 'POST', `${path}/entries`, { gateway });
    assert.deepEqual([refused.status, refused.body.notice], [503, PAUSE], refused.text);
    for (const { text } of [shown, refused]) assert.ok(!text.includes(SECRET));
  }
  assert.deepEqual(await told(stream, 'paused'), { notice: PAUSE });
  const edited = await system.operate(
    'PATCH',
    path,
    { closes_at: new Date(Date.now() + 1_800_000).toISOString() },
    ANY_VERSION,
  );
  assert.deepEqual([edited.status, edited.body.notice], [200, PAUSE], 'an edit keeps it');

  const resumed = await change(campaign, 'resume', {});
  assert.deepEqual([resumed.status, resumed.body.notice], [200, null], resumed.text);
  assert.deepEqual(await told(stream, 'resumed'), {});
  assert.equal((await system.ask('bob', 'GET', path)).body.notice, undefined);

  const ended = await change(campaign, 'cancel', { reason: SECRET, notice: END });
  assert.deepEqual([ended.status, ended.body.notice], [200, END], ended.text);
  const outcome = Object(await told(stream, 'outcome'));
  assert.deepEqual([outcome.outcome, outcome.notice], ['cancelled', END]);
  const late = await eventually(async () => {
    const answer = await system.ask('bob', 'POST', `${path}/entries`, { gateway: 1 });
    return answer.status === 409 && answer;
  });
  assert.deepEqual(late.body.notice, END);
  const { body } = await system.operate('GET', `${path}/versions`);
  const versions = Object(body).versions as { action: string; reason: string | null; notice: unknown }[];
  assert.deepEqual(
    versions
      .filter(({ notice }) => notice !== null)
      .map(({ action, reason, notice }) => [action, reason, notice]),
    [
      ['pause', SECRET, PAUSE],
      ['edit', null, PAUSE],
      ['cancel', SECRET, END],
    ],
  );
  stream.close();
});

test('a notice has both languages, and belongs to what stops a campaign', async () => {
  const campaign = await system.offer({ kind: 'raffle', winners: 1 });
  for (const [what, body, field] of [
    ['pause', { notice: { ko: '점검' } }, 'notice.en'],
    ['pause', { notice: { ko: '점검', en: ' ' } }, 'notice.en'],
    ['pause', { notice: { ko: '점검', en: 'x'.repeat(501) } }, 'notice.en'],
    ['pause', { notice: { ko: '점검', en: 'Repairs', de: 'Umbau' } }, 'notice.de'],
    ['cancel', { notice: 'Repairs' }, 'notice'],
    ['resume', { notice: PAUSE }, 'notice'],
  ] as const) {
    const refused = await change(campaign, what, body);
    assert.equal(refused.status, 400, refused.text);
    assert.equal(Object(refused.body.errors)[0].field, field, refused.text);
  }
});
