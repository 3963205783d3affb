/**
 * The same source in a real browser: a page of a loopback server that serves the TypeScript as transpiled by esbuild. If
 * Chromium is unavailable or does not start, this is skipped, with a message.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../test/chromium.ts';
import { makeBook, written } from './testing/maker.ts';
import { json } from './testing/run.ts';

const made = makeBook({ kind: 'raffle', entries: 30, randomness: 'drand' });
const forged = structuredClone(made.parts);
[forged.entries[3], forged.entries[4]] = [forged.entries[4] as never, forged.entries[3] as never];
const item = made.items.find(({ user }) => user === 'user3');

const documents: Readonly<Record<string, Buffer>> = {
  '/book.ndjson.gz': gzipSync(written(made.parts)),
  '/forged.ndjson': written(forged),
  '/cut.ndjson.gz': gzipSync(written(made.parts)).subarray(0, 800),
  '/receipt.json': Buffer.from(JSON.stringify(item && made.receiptOf(item))),
  '/proof.json': json(made.proof),
};

/** The page's own script; `without` removes features of the browser, to test that the verifier works without them. */
const PAGE = `<!doctype html><title>fairline verify</title><script type="module">
  import { browserPrimitives, piecesOf, verify } from '/verifier.js';
  const blob = async path => await (await fetch(path)).blob();
  globalThis.check = async (book, extras, without) => {
    if (without.includes('webassembly')) delete globalThis.WebAssembly;
    if (without.includes('ed25519')) crypto.subtle.importKey = () => Promise.reject(new Error('unknown'));
    const bytes = async path => new Uint8Array(await (await blob(path)).arrayBuffer());
    return await verify({
      primitives: browserPrimitives,
      book: piecesOf(await blob(book)),
      ...(extras ? { receipt: { bytes: await bytes('/receipt.json'), user: 'user3' }, proof: await bytes('/proof.json') } : {}),
    });
  };
  globalThis.isReady = true;
</script>`;

async function verifierSource(): Promise<Buffer> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'browser.ts')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    write: false,
  });
  return Buffer.from(outputFiles[0]?.contents ?? []);
}

async function withPage(browser: Browser, use: (page: Page) => Promise<void>): Promise<void> {
  const script = await verifierSource();
  const server = createServer((request, response) => {
    const body =
      request.url === '/' ? PAGE : request.url === '/verifier.js' ? script : documents[request.url ?? ''];
    const type = request.url === '/' ? 'text/html' : 'text/javascript';
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type }).end(body);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const page = await browser.newPage();
  try {
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction('globalThis.isReady === true');
    await use(page);
  } finally {
    await page.close();
    await new Promise(resolve => server.close(resolve));
  }
}

interface Seen {
  readonly exitCode: number;
  readonly findings: readonly { readonly code: string }[];
  readonly facts: { readonly receipts?: number; readonly proofVerified?: boolean };
}

async function check(page: Page, book: string, extras: boolean, without: readonly string[]): Promise<Seen> {
  return await page.evaluate(`check(${JSON.stringify(book)}, ${extras}, ${JSON.stringify(without)})`);
}

test('a page verifies a book and rejects a tampered one', { timeout: 180_000 }, async context => {
  const browser = await launchChromium();
  if (typeof browser === 'string') {
    context.skip(`!!! NOT TESTED IN A BROWSER: ${browser} !!!`);
    process.stderr.write(`!!! THE VERIFIER WAS NOT TESTED IN A BROWSER: ${browser} !!!\n`);
    return;
  }
  try {
    for (const without of [[], ['ed25519'], ['webassembly']]) {
      await withPage(browser, async page => {
        const right = await check(page, '/book.ndjson.gz', true, without);
        assert.deepEqual(right.findings, []);
        assert.deepEqual([right.facts.receipts, right.facts.proofVerified], [1, true]);
        const wrong = await check(page, '/forged.ndjson', false, without);
        assert.ok(wrong.findings.some(({ code }) => code === 'stamp-order'));
        assert.equal(wrong.exitCode, 4);
        assert.equal((await check(page, '/cut.ndjson.gz', false, without)).exitCode, 2);
      });
    }
  } finally {
    await browser.close();
  }
});
