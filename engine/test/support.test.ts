import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { eventually, spawnNode, testDatabase, testNamespace } from './support.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fairline-support-'));
});
after(() => rm(directory, { recursive: true }));

async function program(text: string): Promise<string> {
  const file = join(directory, `${testNamespace()}.mts`);
  await writeFile(file, text);
  return file;
}

describe('testDatabase', () => {
  it('gives each caller its own migrated database, also concurrently', async () => {
    const databases = await Promise.all([1, 2, 3].map(() => testDatabase()));
    assert.equal(new Set(databases.map(database => database.url)).size, 3);
    for (const { url, drop } of databases) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query('select watermark_us from watermarks');
      assert.equal(rows.length, 1);
      await client.end();
      await drop();
      await drop();
      await assert.rejects(new pg.Client({ connectionString: url }).connect(), /does not exist/);
    }
  });
});

describe('eventually', () => {
  it('returns the first successful result', async () => {
    let count = 0;
    assert.equal(await eventually(() => ++count === 3 && 'done'), 'done');
    assert.equal(
      await eventually(async () => {
        if (++count < 6) throw new Error('not yet');
        return 0;
      }),
      0,
    );
  });

  it('reports the last error', async () => {
    const failing = eventually(
      () => {
        throw new Error('never');
      },
      { timeoutMs: 1 },
    );
    await assert.rejects(failing, /not within 1 ms; last: Error: never/);
  });
});

describe('spawnNode', () => {
  it('reports readiness, output and exit code', async () => {
    const file = await program(`
      console.log('ready', process.env.COLOUR);
      console.error('a warning');
      process.on('SIGTERM', () => process.exit(3));
      setInterval(() => undefined, 1000);`);
    const spawned = spawnNode(file, { COLOUR: 'red' });
    assert.equal(await spawned.ready, 'ready red');
    await eventually(() => spawned.output().includes('a warning'));
    assert.equal(await spawned.stop(), 3);
    assert.equal(await spawned.stop(), 3, 'a second stop does nothing');
  });

  it('can be killed', async () => {
    const spawned = spawnNode(await program(`console.log('on'); setInterval(() => undefined, 1000);`), {});
    await spawned.ready;
    assert.equal(await spawned.stop('SIGKILL'), 'SIGKILL');
  });

  it('reports all output of a process that ends before it is ready', async () => {
    const spawned = spawnNode(await program(`console.error('no port'); process.exit(1);`), {});
    await assert.rejects(spawned.ready, /ended \(1\) without a line on stdout:\nno port/);
    assert.equal(await spawned.ended, 1);
  });
});
