import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Child, startChild, startPeer } from './process.ts';
import { measureCpu, pidListeningOn, processUsage } from './usage.ts';

const node = (script: string) => ({ name: 'child', command: process.execPath, args: ['-e', script] });
const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

async function lastLineIs(child: Child, line: string): Promise<void> {
  const deadline = AbortSignal.timeout(30_000);
  while (child.lastLine() !== line) {
    deadline.throwIfAborted();
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

test('the echo prints its port, answers, can be found by it, and ends', async () => {
  const echo = await startPeer('echo');
  const response = await fetch(`${echo.base}/v1/campaigns/7/entries`, { method: 'POST', body: '{"a":1}' });
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), {
    campaign: 7,
    stamp: 1_234_567_890_123,
    position: null,
    provisional: true,
    estimated_position: 12_345,
  });
  assert.equal(await pidListeningOn(Number(new URL(echo.base).port)), echo.pid);
  const usage = await echo.usage();
  assert.ok(usage.cpuUs > 0 && usage.rssBytes > 10_000_000);
  assert.deepEqual(await echo.stop(), { code: 0, signal: null });
  assert.ok(isGone(echo.pid));
  assert.deepEqual(await echo.stop(), { code: 0, signal: null });
});

test('reports a child that ends before it is ready, with its output', async () => {
  await assert.rejects(
    startChild(node('console.error("no port free"); process.exit(3)')),
    /exit code 3.*no port free/s,
  );
});

test('reports a child that cannot start', async () => {
  await assert.rejects(startChild({ ...node(''), command: '/does/not/exist' }), /ENOENT/);
});

test('ends a child that never gets ready', async () => {
  const started = startChild({
    ...node('console.error("still busy"); setInterval(() => {}, 1000)'),
    readyTimeoutMs: 500,
  });
  await assert.rejects(started, /not ready in time/);
});

test('skips lines before the ready line, and keeps the last one', async () => {
  const script = `
    console.log('starting\\n{"level":30}\\n{broken\\n{"ready":true,"port":5}');
    process.stdin.on('data', text => console.log('got ' + String(text).trim())).on('end', () => process.exit(7));`;
  const child = await startChild({ ...node(script), isReady: ({ ready }) => ready === true });
  assert.deepEqual(child.ready, { ready: true, port: 5 });
  child.say('you');
  await lastLineIs(child, 'got you');
  assert.deepEqual(await child.stop(), { code: null, signal: 'SIGTERM' });
});

test('measures CPU time by name, children included', async () => {
  const spin = 'const end = Date.now() + 300; while (Date.now() < end);';
  const script = `
    console.log('{}');
    process.stdin.once('data', () => {
      require('child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(spin)}]);
      ${spin}
      console.log('spun');
    });`;
  const child = await startChild(node(script));
  const alone = await processUsage(child.pid);
  const used = await measureCpu({ spinner: child.pid, nobody: 2 ** 22 + 1 });
  child.say('spin');
  await lastLineIs(child, 'spun');
  const { spinner = 0, ...others } = await used();
  assert.deepEqual(others, {});
  assert.ok(spinner > 0);
  const usage = await child.usage();
  assert.ok(usage.rssBytes > 10_000_000);
  if (process.platform === 'linux')
    assert.ok((await processUsage(child.pid)).cpuUs - alone.cpuUs < spinner, 'with the child that has ended');
  await child.stop();
  await assert.rejects(processUsage(child.pid));
});

test('finds nothing listening on a free port', async () => {
  const echo = await startPeer('echo');
  await echo.stop();
  assert.equal(await pidListeningOn(Number(new URL(echo.base).port)), undefined);
});
