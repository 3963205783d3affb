import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { eventually } from '../../test/support.ts';
import { inMs, startApi, type TestApi } from '../testing/api.ts';

const lines: string[] = [];
let api: TestApi;
before(async () => {
  api = await startApi({ log: pino({ level: 'info' }, { write: line => void lines.push(line) }) });
});
after(() => api.close());

let seen = 0;
/** The acts in the log since the last call, once there are so many. */
async function acts(count: number): Promise<readonly Record<string, unknown>[]> {
  const found = await eventually(() => {
    const all = lines.map(line => JSON.parse(line)).filter(({ msg }) => msg === 'an operator acted');
    return all.length >= seen + count && all.slice(seen);
  });
  seen += found.length;
  return found.map(({ level: _level, time: _time, pid: _pid, hostname: _host, msg: _msg, ...act }) => act);
}

test('each act has one line, with its operator and what its URL does not say', async () => {
  const ada = await api.call('POST', '/v1/tokens', { body: { name: 'Ada', role: 'owner' } });
  const token = String(ada.body.token);
  const id = await api.create();
  await api.call('POST', `/v1/tokens/${ada.body.id}/revoke`, { token });
  const by = 'operator';
  assert.deepEqual(await acts(3), [
    { by, method: 'POST', url: '/v1/tokens', tokenId: ada.body.id, name: 'Ada', role: 'owner' },
    { by, method: 'POST', url: '/v1/campaigns', campaignId: id },
    { by: 'Ada', method: 'POST', url: `/v1/tokens/${ada.body.id}/revoke`, name: 'Ada' },
  ]);
  assert.ok(!lines.join().includes(token), 'the token itself is never logged');
});

test('a dry run, a read and a refusal are no acts', async () => {
  const id = await api.create({ opens_at: inMs(3_600_000), closes_at: inMs(7_200_000) });
  const path = `/v1/campaigns/${id}`;
  const any = { headers: { 'if-match': '*' }, body: { title: 'Two thirds' } };
  assert.equal((await api.call('PATCH', `${path}?dryRun=true`, any)).status, 200);
  assert.equal((await api.call('GET', path)).status, 200);
  assert.equal((await api.call('PATCH', path, { body: any.body })).status, 428);
  assert.equal((await api.call('PATCH', path, any)).status, 200);
  assert.deepEqual(
    (await acts(2)).map(({ method, url }) => `${method} ${url}`),
    ['POST /v1/campaigns', `PATCH ${path}`],
  );
});

test('an operation without dry runs acts whatever its query says', async () => {
  const body = { name: 'Grace', role: 'viewer' };
  const made = await api.call('POST', '/v1/tokens?dryRun=true', { body });
  assert.equal(made.status, 201, made.text);
  assert.equal((await acts(1)).length, 1);
});
