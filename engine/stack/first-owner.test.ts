import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startApi, type TestApi, TOKEN } from '../api/testing/api.ts';
import { enrolBy } from '../api/testing/operators.ts';
import { eventually } from '../test/support.ts';
import { offerFirstOwner } from './first-owner.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

test('a start prints a link until there is an owner: each later one voids the one before', async () => {
  const said: string[] = [];
  const waits: { readonly ms: number; readonly work: () => void }[] = [];
  const options = {
    ...{ engine: api.url, token: TOKEN },
    say: (line: string) => void said.push(line),
    later: (ms: number, work: () => void) => void waits.push({ ms, work }),
  };
  const tokenIn = (line = ''): string => /\/enrol#(fairline_link_[\w-]{43})\n/.exec(line)?.[1] ?? '';
  const begin = async (token: string): Promise<number> =>
    (await api.call('POST', '/v1/operator/enrolment', { body: { token }, token: undefined })).status;

  await offerFirstOwner(options);
  assert.equal(said.length, 1);
  assert.ok(said[0]?.includes(`\n  ${api.url}/enrol#`), said[0]);
  const [wait] = waits;
  assert.ok(wait && wait.ms > 3_500_000 && wait.ms < 3_700_000, 'an hour');
  const first = tokenIn(said[0]);
  assert.equal(await begin(first), 200);

  wait.work();
  await eventually(() => said.length === 2);
  const second = tokenIn(said[1]);
  assert.deepEqual([await begin(first), await begin(second)], [410, 200]);

  await enrolBy(api, second, 'Grace');
  waits[1]?.work();
  await offerFirstOwner(options);
  assert.deepEqual([said.length, waits.length], [2, 2], 'no link, and no further try');
});

test('an engine that cannot answer is asked again', async () => {
  const said: string[] = [];
  const waits: number[] = [];
  await offerFirstOwner({
    ...{ engine: api.url, token: 'another-token-of-nobody' },
    say: line => void said.push(line),
    later: ms => void waits.push(ms),
  });
  assert.match(said[0] ?? '', /^no link for the first owner: The token .* is wrong\.; trying again$/);
  assert.deepEqual(waits, [60_000]);
});
