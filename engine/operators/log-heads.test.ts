/** A running engine: it signs what operators do, and the export and the published keys are enough to check it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { listLogHeads } from '../../sql/statements/operators/operator-log.ts';
import { eventually } from '../test/support.ts';
import { type System, startSystem } from '../test/system.ts';
import { nodePrimitives } from '../verify/node.ts';
import { verify } from '../verify/verify.ts';

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis' });
});
after(() => system.close());

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

test('an engine signs the head of the log, which the published keys verify', async () => {
  const ada = await system.operator('Ada', 'editor');
  await system.offer({ kind: 'coupon', stock: 1 });
  const signed = await eventually(async () => {
    const heads = await listLogHeads(system.pool, { after: 0, limit: 9 });
    return heads.length > 0 ? heads : undefined;
  });
  const log = await system.operate('GET', '/v1/operator-log.ndjson', undefined, ada);
  assert.equal(log.status, 200, log.text);
  const keys = await fetch(`${system.gateways[0]?.url}/v1/keys`);
  const given = { primitives: nodePrimitives, keys: new Uint8Array(await keys.arrayBuffer()) };
  const report = await verify({ ...given, log: bytesOf(log.text) });
  assert.deepEqual(report.findings, []);
  const facts = Object(report.facts.operatorLog);
  assert.deepEqual([facts.acts, facts.heads], [2, signed.length]);
  const bent = log.text.replace('"createToken"', '"revokeToken"');
  const found = await verify({ ...given, log: bytesOf(bent) });
  assert.deepEqual(
    found.findings.map(({ code }) => code),
    ['log-row'],
  );
});
