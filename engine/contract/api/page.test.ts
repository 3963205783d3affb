import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { pageOf } from './page.ts';

const rows = (count: number) => Array.from({ length: count }, (_, index) => ({ id: index + 1 }));
const page = (found: number, limit: number) => pageOf(rows(found), limit, ({ id }) => `after ${id}`);

test('names the next page only if a row is behind this one', () => {
  deepEqual(page(3, 2), { rows: rows(2), next: 'after 2' });
  deepEqual(page(2, 2), { rows: rows(2), next: null });
  deepEqual(page(1, 2), { rows: rows(1), next: null });
  deepEqual(page(0, 2), { rows: [], next: null });
});
