/** Blocks over a real ledger and Redis: when they are in force, and how many there may be. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { MOST_BLOCKS } from '../../contract/redis/board/blocks.ts';
import { resumeBlocks } from '../../operators/blocks.ts';
import { type Answer, joinBoard, startApi } from '../testing/api.ts';

const api = await startApi();
after(() => api.close());

const block = (body: object): Promise<Answer> =>
  api.call('POST', '/v1/blocks', { body: { ...body, reason: 'A script' } });

const inForce = async ({ body }: Answer): Promise<unknown> =>
  (await api.call('GET', `/v1/blocks/${body.id}`)).body.in_force_at;

it('are in force once every gateway with a lease has confirmed them', async () => {
  const [awake, silent] = [await joinBoard(api, 'awake'), await joinBoard(api, 'silent')];
  const stop = awake.keepReading();
  const made = await block({ user: 'ann' });
  assert.deepEqual([made.status, made.body.in_force_at], [201, null], made.text);
  await resumeBlocks(api.deps);
  assert.equal(await inForce(made), null);
  await silent.read();
  await resumeBlocks(api.deps);
  assert.equal(await inForce(made), null, 'it has read the block, and does not act on it yet');
  const stopSecond = silent.keepReading();
  const second = await block({ network: '203.0.113.0/24' });
  assert.equal(typeof second.body.in_force_at, 'string', second.text);
  assert.equal(typeof (await inForce(made)), 'string', 'whoever knows a revision knows those before it');
  await stop();
  const lifted = await api.call('POST', `/v1/blocks/${second.body.id}/lift`, {
    body: { reason: 'A school' },
  });
  assert.equal(lifted.status, 200, lifted.text);
  await stopSecond();
  const again = await api.call('POST', `/v1/blocks/${second.body.id}/lift`, { body: { reason: 'Again' } });
  assert.equal(again.body.lift_reason, 'A school', 'it stays as it is');
});

it('stay when gateways cannot be told, and are told later', async () => {
  const away = await startApi({
    blocks: { tell: () => Promise.reject(new Error('Redis is away')), missing: async () => undefined },
  });
  try {
    const made = await away.call('POST', '/v1/blocks', { body: { user: 'bob', reason: 'A script' } });
    assert.deepEqual([made.status, made.body.in_force_at], [201, null], made.text);
    await resumeBlocks({
      ...away.deps,
      blocks: { tell: async () => 1, missing: async () => ({ epoch: 1, missing: [] }) },
    });
    const { body } = await away.call('GET', `/v1/blocks/${made.body.id}`);
    assert.equal(typeof body.in_force_at, 'string');
  } finally {
    await away.close();
  }
});

it('are told once while a gateway is silent, and again on another board', async () => {
  const [told, asked]: [number[], number[]] = [[], []];
  let epoch = 1;
  const away = await startApi({
    blocks: {
      tell: async () => {
        told.push(epoch);
        return epoch;
      },
      missing: async revision => {
        asked.push(revision);
        // Closed, then of another board, whose gateways have read the block when it opened.
        if (asked.length === 3) epoch = 2;
        if (asked.length === 4) return undefined;
        return { epoch, missing: asked.length < 7 ? ['silent'] : [] };
      },
    },
  });
  try {
    const made = await away.call('POST', '/v1/blocks', { body: { user: 'bob', reason: 'A script' } });
    assert.equal(typeof made.body.in_force_at, 'string', made.text);
    assert.deepEqual([told, asked.length], [[1, 2], 7]);
  } finally {
    await away.close();
  }
});

it('are one of a user at a time, also of two requests at once, and not more than gateways read', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => block({ user: 'cid' })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409]);
  await api.pool.query(
    `insert into blocks (user_id, reason, made_by) select 'user-' || n, 'test', 'test' from generate_series(1, $1) n`,
    [MOST_BLOCKS],
  );
  const refused = await block({ user: 'dan' });
  assert.equal(refused.status, 409);
  assert.match(refused.text, /10000 blocks are in force/);
  const list = await api.call('GET', '/v1/blocks?limit=2');
  assert.equal(Array.isArray(list.body.blocks) && list.body.blocks.length, 2);
});
