import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { TestFilesError, testFiles } from './files.ts';

let project = '';
before(async () => {
  project = await mkdtemp(join(tmpdir(), 'fairline-files-'));
  for (const file of [
    'engine/a.test.ts',
    'engine/deep/er/b.test.ts',
    'sql/c.test.ts',
    'sql/statement.ts',
    'node_modules/x/d.test.ts',
    '.stack/test/e.test.ts',
  ]) {
    await mkdir(join(project, file, '..'), { recursive: true });
    await writeFile(join(project, file), '');
  }
});
after(() => rm(project, { recursive: true }));

describe('testFiles', () => {
  it('finds all test files at any depth', async () => {
    const all = ['engine/a.test.ts', 'engine/deep/er/b.test.ts', 'sql/c.test.ts'];
    assert.deepEqual(await testFiles(project, []), all);
  });

  it('finds named files and directories, each once', async () => {
    const named = [join(project, 'engine/deep'), join(project, 'engine/deep/er/b.test.ts')];
    assert.deepEqual(await testFiles(project, named), ['engine/deep/er/b.test.ts']);
    const missing = [join(project, 'engine/a')];
    await assert.rejects(testFiles(project, missing), /there is no test file at/);
  });

  it('rejects a test file that no run would find', async () => {
    for (const file of ['docs/f.test.ts', 'g.test.ts']) {
      await mkdir(join(project, file, '..'), { recursive: true });
      await writeFile(join(project, file), '');
      await assert.rejects(testFiles(project, []), (error: Error) => {
        assert.ok(error instanceof TestFilesError);
        assert.match(error.message, new RegExp(`: ${file}$`));
        return true;
      });
      await rm(join(project, file));
    }
  });
});
