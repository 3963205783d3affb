/** Documents in step with the code: diagrams are readable and have the states of the code, and links lead somewhere. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  anchorsOf,
  diagramsOf,
  linksOf,
  parseDiagram,
  readPages,
  shownPath,
  statesInCode,
} from './documents.ts';
import { PROJECT } from './program.ts';
import { testDatabase } from './support.ts';

const pages = readPages(PROJECT);
const database = await testDatabase();
after(() => database.drop());

describe('diagrams', () => {
  for (const page of pages) {
    for (const { line, text, statesOf } of diagramsOf(page)) {
      it(`parse in Mermaid: ${page.file}:${line}`, async () => {
        await parseDiagram(text);
      });
      if (statesOf === undefined) continue;
      it(`show the states of ${statesOf}: ${page.file}:${line}`, async () => {
        const { states } = await parseDiagram(text);
        const { names, isProse } = await statesInCode(PROJECT, statesOf, database.url);
        assert.ok(states.length > 1, 'it is not a state machine');
        assert.deepEqual(
          states.filter(state => !names.includes(state)),
          [],
          'states that the code does not have',
        );
        if (isProse) return;
        assert.deepEqual([...states].sort(), [...names].sort());
      });
    }
  }

  it('are rejected when invalid', async () => {
    await assert.rejects(parseDiagram('stateDiagram-v2\n  one --> : nowhere'), /Parse error/);
    await assert.rejects(parseDiagram('sequenceDiagram\n  A->>: nobody'), /Parse error/);
    await assert.rejects(parseDiagram('no diagram at all'), /No diagram type/);
    const { states } = await parseDiagram('stateDiagram-v2\n  [*] --> one\n  one --> two: so\n  two --> [*]');
    assert.deepEqual(states, ['one', 'two']);
  });
});

describe('links', () => {
  for (const page of pages) {
    it(`of ${page.file} lead to existing files, headings and names`, () => {
      const faults = linksOf(PROJECT, page).flatMap(({ target, anchor, name }) => {
        const shown = shownPath(PROJECT, target);
        if (!existsSync(target)) return [`${shown} does not exist`];
        if (statSync(target).isDirectory()) return [];
        const text = readFileSync(target, 'utf8');
        if (anchor !== '' && !anchorsOf(text).has(anchor)) return [`${shown} has no heading #${anchor}`];
        if (name !== undefined && !text.includes(name)) return [`${shown} has no ${name}`];
        return [];
      });
      assert.deepEqual(faults, []);
    });
  }

  it('use the anchors that headings get', () => {
    const anchors = anchorsOf('# A part: is *gone*\n## not-open-yet\n```\n# no heading\n```\n');
    assert.deepEqual([...anchors], ['a-part-is-gone', 'not-open-yet']);
  });
});

describe('the CI workflow', () => {
  const workflow = readFileSync(join(PROJECT, '.github/workflows/ci.yml'), 'utf8');

  it('runs .ci/run, has read permission only, and uses no secrets', () => {
    assert.match(workflow, /^ +- run: \.ci\/run$/m);
    assert.match(workflow, /^permissions:\n {2}contents: read\n\n/m);
    assert.doesNotMatch(workflow, /secrets\.|: write/);
  });

  it('pins each action to a major version, and uses the versions in the README', () => {
    const actions = [...workflow.matchAll(/uses: (\S+)/g)].map(([, action = '']) => action);
    assert.ok(actions.length > 0);
    assert.deepEqual(
      actions.filter(action => !/^actions\/[a-z-]+@v\d+$/.test(action)),
      [],
    );
    assert.match(workflow, /node-version: 20$/m);
    assert.match(workflow, /java-version: 17$/m);
  });
});

describe('OPERATING.md', () => {
  it('lists every metric exactly once', () => {
    const read = (file: string): string => readFileSync(join(PROJECT, file), 'utf8');
    const files = ['gateway/metrics.ts', 'gateway/accounts/metrics.ts', 'engine/metrics.ts'];
    const sources = files.map(read).join('');
    const measured = [...sources.matchAll(/'(fairline_[a-z_]+)'/g)].map(([, name]) => name);
    const listed = [...read('engine/OPERATING.md').matchAll(/^\| `(fairline_[a-z_]+)` \|/gm)];
    assert.deepEqual(listed.map(([, name]) => name).sort(), measured.sort());
  });
});

describe('CONTRIBUTING.md', () => {
  it('names every dependency with a reason', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));
    const page = readFileSync(join(PROJECT, '.github/CONTRIBUTING.md'), 'utf8');
    const [, table = ''] = page.split(/^## Dependencies$/m);
    const named = [...table.matchAll(/^\| *([^|]+?) *\|/gm)].flatMap(([, cell = '']) => cell.split(/, | \(/));
    const packages = Object.keys({ ...dependencies, ...devDependencies });
    assert.deepEqual(
      packages.filter(name => !named.includes(name)),
      [],
    );
  });
});
