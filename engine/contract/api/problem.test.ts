import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Value from 'typebox/value';
import {
  fieldFault,
  invalidRequest,
  Problem,
  ProblemDocument,
  type ProblemSlug,
  problemDocument,
  problems,
  secretFault,
  shownValue,
} from './problem.ts';

describe('problem documents', () => {
  it('match their schema for every slug, with an error status', () => {
    for (const slug of Object.keys(problems) as ProblemSlug[]) {
      const document = problemDocument(slug, 'It went wrong.');
      assert.ok(Value.Check(ProblemDocument, document), slug);
      assert.equal(document.type, `urn:fairline:problem:${slug}`);
      assert.equal(document.status, problems[slug].status);
    }
  });

  it('carry the members of the problem and its faults', () => {
    const errors = [fieldFault('stock', -1, 'a whole number'), fieldFault('title', undefined, 'text')];
    const problem = new Problem('closed', 'Too late.', { errors, closed_at: '2030' }, { 'retry-after': '1' });
    assert.deepEqual(problem.document(), {
      type: 'urn:fairline:problem:closed',
      title: 'The campaign is closed',
      status: 409,
      detail: 'Too late.',
      errors: [
        { field: 'stock', value: '-1', expected: 'a whole number' },
        { field: 'title', expected: 'text' },
      ],
      closed_at: '2030',
    });
    assert.equal(problem.status, 409);
  });
});

describe('an invalid request', () => {
  it('names each field, its value unless that is a secret, and what is expected', () => {
    const problem = invalidRequest([
      fieldFault('stock', -1, 'a whole number'),
      fieldFault('title', undefined, 'text'),
      secretFault('pass', 'eyJ', 'no value'),
      secretFault('session', undefined, 'a session'),
    ]);
    assert.deepEqual(problem.members.errors, [
      { field: 'stock', value: '-1', expected: 'a whole number' },
      { field: 'title', expected: 'text' },
      { field: 'pass', value: '(secret)', expected: 'no value' },
      { field: 'session', expected: 'a session' },
    ]);
    assert.equal(
      problem.message,
      'Invalid request: stock is -1, expected a whole number; title is missing, expected text; ' +
        'pass is (secret), expected no value; session is missing, expected a session.',
    );
  });
});

describe('shownValue', () => {
  it('is JSON of limited length', () => {
    assert.equal(shownValue(undefined), undefined);
    assert.equal(shownValue(null), 'null');
    assert.equal(shownValue('a\n"b"'), '"a\\n\\"b\\""');
    assert.equal(shownValue({ a: [1] }), '{"a":[1]}');
    const cut = shownValue('x'.repeat(1_000));
    assert.equal(cut?.length, 60);
    assert.ok(cut.endsWith('x…'));
    assert.equal(shownValue('x'.repeat(58))?.length, 60);
  });
});
