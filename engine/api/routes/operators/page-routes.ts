/** The pages to which one-time links of operators lead, and on which they log in. They ask the same API as everybody else. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { operations } from '../../contract/operations.ts';
import { addRoute } from '../../http/routing.ts';

const HTML = 'text/html; charset=utf-8';

export function addPageRoutes(app: FastifyInstance): void {
  for (const [operation, file] of [
    [operations.enrolPage, 'enrol.html'],
    [operations.loginPage, 'login.html'],
  ] as const) {
    const page = readFileSync(join(import.meta.dirname, '../../pages', file), 'utf8');
    const policy = policyFor(page);
    addRoute(app, operation, async (_request, reply) => {
      reply.type(HTML).headers({ 'content-security-policy': policy, 'referrer-policy': 'no-referrer' });
      return page;
    });
  }
}

/** Only the page's own script and style run, it asks this host alone, and no other page frames it. */
function policyFor(page: string): string {
  const hashOf = (tag: string): string => {
    const text = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(page)?.[1];
    if (text === undefined) throw new Error(`the page has no ${tag}`);
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  };
  return [
    `default-src 'none'; script-src ${hashOf('script')}; style-src ${hashOf('style')}`,
    `connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  ].join('; ');
}
