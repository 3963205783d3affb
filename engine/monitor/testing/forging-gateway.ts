/**
 * A gateway that shows forged heads: it requests all heads from a real one, changes them as the test wants, and shows the
 * result in pages, in the right order, like an operator who holds all keys and serves another list.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  BEFORE_ALL,
  compareHeadPositions,
  headPositionText,
  readHeadPosition,
} from '../../verify/heads/head-positions.ts';
import { readHead } from '../../verify/receipts/head.ts';
import type { ShownHead } from '../chain-watch.ts';

const PAGE = 500;

export type Forgery = (heads: readonly ShownHead[], throughUs: number) => readonly ShownHead[];

export interface ForgingGateway {
  readonly url: string;
  /** Makes the heads to show instead of the real ones; undefined: the real ones are shown. */
  forge: Forgery | undefined;
  /** Answers with 503 and shows nothing. */
  isDown: boolean;
  close(): Promise<void>;
}

export async function forgingGateway(realUrl: string): Promise<ForgingGateway> {
  const forging = { forge: undefined as Forgery | undefined, isDown: false };
  const answer = async (path: string): Promise<string> => {
    if (!path.startsWith('/v1/heads')) return await (await fetch(realUrl + path)).text();
    const after = readHeadPosition(new URL(path, realUrl).searchParams.get('after') ?? '') ?? BEFORE_ALL;
    const { heads, throughUs } = await allHeads(realUrl);
    const shown = (forging.forge?.(heads, throughUs) ?? heads)
      .filter(({ head }) => head.firstUs <= throughUs)
      .toSorted((a, b) => compareHeadPositions(a.head, b.head))
      .filter(({ head }) => compareHeadPositions(head, after) > 0);
    const page = shown.slice(0, PAGE);
    return JSON.stringify({
      heads: page.map(({ text }) => text),
      next: headPositionText(page.at(-1)?.head ?? after),
      ...(page.length < PAGE ? { through_us: throughUs } : {}),
    });
  };
  const server = createServer((request, response) => {
    if (forging.isDown) {
      response.writeHead(503).end('{}');
      return;
    }
    answer(request.url ?? '').then(
      text => response.writeHead(200, { 'content-type': 'application/json' }).end(text),
      error => response.writeHead(502).end(String(error)),
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(forging, {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  });
}

/** All heads that a gateway shows, to the last page. */
export async function allHeads(
  url: string,
): Promise<{ readonly heads: readonly ShownHead[]; readonly throughUs: number }> {
  const heads: ShownHead[] = [];
  for (let next = ''; ; ) {
    const response = await fetch(`${url}/v1/heads?after=${next}`);
    if (response.status !== 200) throw new Error(`/v1/heads was answered with ${response.status}`);
    const page = (await response.json()) as { heads: string[]; next: string; through_us?: number };
    heads.push(...page.heads.map(text => ({ text, head: readHead(text, 'a shown head') })));
    next = page.next;
    if (page.through_us !== undefined) return { heads, throughUs: page.through_us };
  }
}
