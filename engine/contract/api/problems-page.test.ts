/** Compares PROBLEMS.md with the table that it explains. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { problems } from './problem.ts';

const page = readFileSync(join(import.meta.dirname, 'PROBLEMS.md'), 'utf8');
/** The text of each section, by its heading, which is the slug and therefore the anchor. */
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map(section => {
      const [heading = '', ...lines] = section.split(/\n(?:## .*)?/);
      return [heading, lines.filter(line => line !== '')] as const;
    }),
);

describe('PROBLEMS.md', () => {
  it('lists every problem exactly once', () => {
    const headings = [...page.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings.sort(), Object.keys(problems).sort());
  });

  for (const [slug, { status, title }] of Object.entries(problems)) {
    it(`documents status, title, cause, retry and remedy of ${slug}`, () => {
      const [first, ...points] = sections.get(slug) ?? [];
      assert.equal(first, `${status} · ${title}`);
      const labels = points.map(point => /^- \*\*(.+?):\*\* \S/.exec(point)?.[1] ?? point);
      const cures = labels.slice(2);
      assert.deepEqual(labels.slice(0, 2), ['Cause', 'Ask again']);
      assert.ok(cures.length > 0, 'the section has no cure');
      assert.deepEqual(
        cures,
        ['Fan', 'Shop', 'Operator'].filter(who => cures.includes(who)),
      );
    });
  }
});
