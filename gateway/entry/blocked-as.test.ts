/** Blocks, over lists that replace each other and requests, compared with a model: who is refused, and as what. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readNetworks, TrustedProxies } from '../../engine/contract/clients/trusted-proxies.ts';
import { ANSWERED, type Answered } from '../http/reply.ts';
import { Blocks } from './blocks.ts';

const PROXY = '10.0.0.1';
/** Addresses are `203.0.<part>.7`; networks are blocked by their part. */
const part = fc.integer({ min: 0, max: 3 });
const user = fc.constantFrom('ann', 'ben', 'cat');
const list = fc.record({ users: fc.uniqueArray(user), parts: fc.uniqueArray(part) });
const request = fc.record({
  userId: user,
  /** Where it comes from: a public address, a private one, or a connection that is gone. */
  from: fc.oneof(part, fc.constantFrom('inside' as const, 'gone' as const)),
  isProxied: fc.boolean(),
});

/** A reply that records what it is answered with. */
function replyFrom(remote: string) {
  const answers: unknown[] = [];
  const reply = {
    remoteAddress: () => remote,
    problem: (slug: string, _detail: string, { members }: { readonly members?: object } = {}): Answered => {
      answers.push([slug, members]);
      return ANSWERED;
    },
  };
  return { reply, answers };
}

test('both paths refuse the same requests: those of blocked users, else of blocked networks', () => {
  fc.assert(
    fc.property(fc.array(list, { maxLength: 3 }), fc.array(request), (lists, requests) => {
      let counted = 0;
      const blocks = new Blocks({
        proxies: new TrustedProxies(readNetworks(PROXY) ?? []),
        metrics: { refuse: () => counted++ },
      });
      for (const { users, parts } of lists)
        blocks.blocked({ users, networks: parts.map(each => `203.0.${each}.0/24`) });
      const { users, parts } = lists.at(-1) ?? { users: [], parts: [] };
      equal(blocks.some, users.length + parts.length > 0);
      for (const { userId, from, isProxied } of requests) {
        const address = typeof from === 'number' ? `203.0.${from}.7` : from === 'inside' ? '10.9.9.9' : '';
        const isGone = from === 'gone';
        const { reply, answers } = replyFrom(isProxied && !isGone ? PROXY : address);
        const forwardedFor = isProxied ? address : '';
        const isInside = typeof from === 'number' ? parts.includes(from) : isGone && parts.length > 0;
        const expected = users.includes(userId) ? 'account' : isInside ? 'network' : undefined;

        equal(blocks.has(reply, userId, forwardedFor), expected !== undefined);
        deepEqual([answers, counted], [[], 0], 'the fast path answers nothing');
        const answered = blocks.refuse(reply, userId, forwardedFor);
        equal(answered, expected && ANSWERED);
        deepEqual(answers, expected === undefined ? [] : [['blocked', { blocked: expected }]]);
        equal(counted, answers.length);
        counted = 0;
      }
    }),
    { numRuns: 500 },
  );
});
