/**
 * The pages to which one-time links of operators lead, and on which they log in, in the language that the browser prefers. They ask the
 * same API as everybody else.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { operations } from '../../contract/operations.ts';
import type { ApiDeps } from '../../deps.ts';
import { preferredLanguage } from '../../http/content-negotiation.ts';
import { addRoute } from '../../http/routing.ts';
import { enrolTexts } from '../../pages/enrol-texts.ts';
import { loginTexts } from '../../pages/login-texts.ts';
import { type Language, sharedTexts } from '../../pages/shared-texts.ts';

/** The first one is for browsers that prefer neither. */
const LANGUAGES = ['en', 'ko'] as const satisfies readonly Language[];
const HTML = 'text/html; charset=utf-8';
const PROVIDER_BUTTON = /<button id="provider".*<\/button>\n/;

export function addPageRoutes(
  app: FastifyInstance,
  { operatorProvider }: Pick<ApiDeps, 'operatorProvider'>,
): void {
  const login = read('login.html');
  const pages = [
    [operations.enrolPage, read('enrol.html'), enrolTexts],
    [
      operations.loginPage,
      operatorProvider === undefined ? login.replace(PROVIDER_BUTTON, '') : login,
      loginTexts,
    ],
  ] as const;
  for (const [operation, html, texts] of pages) {
    const inEnglish = pageIn('en', html, texts);
    const inKorean = pageIn('ko', html, texts);
    addRoute(app, operation, async (request, reply) => {
      const { page, policy } =
        preferredLanguage(request.headers['accept-language'], LANGUAGES) === 'ko' ? inKorean : inEnglish;
      reply.type(HTML).headers({
        'content-security-policy': policy,
        'referrer-policy': 'no-referrer',
        vary: 'accept-language',
      });
      return page;
    });
  }
}

function read(file: string): string {
  return readFileSync(join(import.meta.dirname, '../../pages', file), 'utf8');
}

/** The page with its texts, and with what the pages share: one request, and nothing to load that could be missing. */
function pageIn(
  language: Language,
  html: string,
  own: Readonly<Record<Language, object>>,
): { readonly page: string; readonly policy: string } {
  const texts: Readonly<Record<string, unknown>> = { ...sharedTexts[language], ...own[language] };
  const asData = JSON.stringify(texts).replaceAll('<', '\\u003c');
  const page = html
    .replace('<li></li>\n', () => read('links.html'))
    .replaceAll(/%(\w+)%/g, (_, name: string) => {
      const text = texts[name];
      if (typeof text !== 'string') throw new Error(`a page has no text ${name}`);
      return text;
    })
    .replace('lang="en"', `lang="${language}"`)
    .replace('json"></script>', () => `json">${asData}</script>`)
    .replace('<style></style>', () => `<style>${read('page.css')}</style>`)
    .replace('<script></script>', () => `<script>${read('page.js')}</script>`);
  return { page, policy: policyFor(page) };
}

/** Only the page's own scripts and style run, it asks this host alone, and no other page frames it. */
function policyFor(page: string): string {
  const hashesOf = (tag: string): string => {
    const texts = [...page.matchAll(new RegExp(`<${tag}>(.+?)</${tag}>`, 'gs'))].map(([, text = '']) => text);
    if (texts.length === 0) throw new Error(`the page has no ${tag}`);
    return texts.map(text => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
  };
  return [
    `default-src 'none'; script-src ${hashesOf('script')}; style-src ${hashesOf('style')}`,
    `connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  ].join('; ');
}
