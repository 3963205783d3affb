/**
 * Monitors as processes, following real gateways and a forging one in front of them: what they record, what they report at
 * once, and what the verifier finds with their records and the book.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { newPrivateKey } from '../contract/keys/signing-keys.ts';
import { eventually, type SpawnedNode, spawnNode } from '../test/support.ts';
import { type System, startSystem } from '../test/system.ts';
import { nodePrimitives } from '../verify/node.ts';
import { type Signer, sha256 } from '../verify/testing/basics.ts';
import { inPieces } from '../verify/testing/run.ts';
import { type Report, verify } from '../verify/verify.ts';
import type { ShownHead } from './chain-watch.ts';
import { allHeads, type Forgery, type ForgingGateway, forgingGateway } from './testing/forging-gateway.ts';
import { first, shownOf } from './testing/heads.ts';

const run = promisify(execFile);
const signingKey = newPrivateKey();

/** The gateways' signing key, in the hands of a forger. */
function operator(): Signer {
  const key = createPrivateKey({ key: Buffer.from(signingKey, 'base64'), format: 'der', type: 'pkcs8' });
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { id: sha256(raw).subarray(0, 8), raw, key };
}

interface Found {
  readonly finding: string;
  readonly message: string;
  readonly heads: readonly string[];
}

interface RunningMonitor {
  readonly process: SpawnedNode;
  readonly key: string;
  readonly records: number;
  /** The findings it has reported on standard output. */
  findings(): readonly Found[];
}

describe('a monitor', () => {
  let system: System;
  let forging: ForgingGateway;
  let entered = 0;
  const directories: string[] = [];
  const running: SpawnedNode[] = [];
  before(async () => {
    const env = { SIGNING_KEY: signingKey };
    system = await startSystem({ log: 'redis', gateways: 2, gatewayEnv: env, engineEnv: env });
    forging = await forgingGateway(url(0));
  });
  afterEach(async () => {
    for (const each of running.splice(0)) await each.stop();
    Object.assign(forging, { forge: undefined, isDown: false });
  });
  after(async () => {
    await forging.close();
    await system.close();
    for (const each of directories) rmSync(each, { recursive: true });
  });

  const url = (gateway: number): string => system.gateways[gateway]?.url ?? '';

  function directory(): string {
    const made = mkdtempSync(join(tmpdir(), 'fairline-monitor-'));
    directories.push(made);
    return made;
  }

  async function start(where: string, urls: readonly string[], ...more: string[]): Promise<RunningMonitor> {
    const args = [...urls, '--out', where, '--interval-ms', '100', ...more];
    const process = spawnNode('engine/monitor/main.ts', {}, args);
    running.push(process);
    const { key, records } = JSON.parse(await process.ready);
    const findings = (): readonly Found[] =>
      process
        .output()
        .split('\n')
        .filter(line => line.startsWith('{"finding":'))
        .map(line => JSON.parse(line));
    return { process, key, records, findings };
  }

  /** Lets some users enter, at both gateways in turn; resolves when their slices are shown. */
  async function enter(campaign: number, count: number): Promise<void> {
    const before = (await allHeads(url(0))).heads.length;
    for (let index = 0; index < count; index++) {
      entered += 1;
      const answer = await system.enter(`user ${entered}`, campaign, entered % 2);
      assert.equal(answer.status, 202, answer.text);
    }
    await eventually(async () => (await allHeads(url(0))).heads.length >= before + count);
  }

  function files(where: string): readonly string[] {
    return readdirSync(where)
      .filter(name => name.startsWith('heads-'))
      .map(name => join(where, name));
  }

  function keptIn(where: string): readonly string[] {
    return files(where).flatMap(file =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter(line => line !== '')
        .flatMap(line => JSON.parse(line).heads as string[]),
    );
  }

  /** Waits until all heads shown now are recorded, each once. */
  async function keepsAll(where: string): Promise<void> {
    const { heads } = await allHeads(url(0));
    await eventually(() => {
      const kept = keptIn(where);
      return heads.every(({ text }) => kept.includes(text));
    });
    assert.equal(new Set(keptIn(where)).size, keptIn(where).length, 'each once');
  }

  async function download(campaign: number): Promise<Buffer> {
    await system.operate('POST', `/v1/campaigns/${campaign}/close`);
    return await eventually(
      async () => {
        const answer = await fetch(`${url(1)}/v1/campaigns/${campaign}/book`);
        return answer.status === 200 && Buffer.from(await answer.arrayBuffer());
      },
      { timeoutMs: 60_000 },
    );
  }

  async function verified(book: Buffer, where: string): Promise<Report> {
    return await verify({
      primitives: nodePrimitives,
      book: inPieces(book),
      heads: inPieces(Buffer.concat(files(where).map(file => readFileSync(file)))),
      keys: readFileSync(join(where, 'keys.json')),
    });
  }

  it('named in the rules, keeps all that is shown, survives kills, and its records confirm the book', async () => {
    const where = directory();
    const monitor = await start(where, [url(0), url(1)]);
    const named = { name: 'The “Daily”', key: monitor.key };
    const absent = { name: 'club', key: Buffer.alloc(32, 7).toString('base64url') };
    const campaign = await system.offer({ kind: 'coupon', stock: 100, monitors: [named, absent] });
    const shown = await eventually(async () => {
      const answer = await fetch(`${url(0)}/v1/campaigns/${campaign}`);
      return answer.status === 200 && Object(await answer.json());
    });
    assert.deepEqual(shown.monitors, [named, absent]);
    await enter(campaign, 6);
    await keepsAll(where);
    // Cuts off a record in the middle; nothing in it was reported.
    await monitor.process.stop('SIGKILL');
    appendFileSync(files(where)[0] ?? '', '{"after":"17');
    await enter(campaign, 4);
    const again = await start(where, [url(1), url(0)]);
    assert.equal(again.key, monitor.key);
    assert.ok(again.records > 0);
    await keepsAll(where);
    const book = await download(campaign);
    assert.equal(await again.process.stop(), 0, again.process.output());
    // Follows until behind the close.
    const end = await start(where, [url(0)], '--once');
    assert.equal(await end.process.ended, 0, end.process.output());
    assert.deepEqual([...monitor.findings(), ...again.findings(), ...end.findings()], []);
    assert.equal(statSync(join(where, 'monitor.key')).mode & 0o777, 0o600);
    const report = await verified(book, where);
    assert.deepEqual(report.findings, []);
    assert.match(
      report.checked.join('\n'),
      /Monitor "The “Daily”", which the rules name, signed \d+ records/,
    );
    assert.match(
      report.checked.join('\n'),
      /on its clock the monitor had seen everything that can have been signed/,
    );
    assert.match(report.notProven.join('\n'), /What "club" saw/);
    // As a user runs it.
    const file = join(where, 'book.ndjson.gz');
    writeFileSync(file, book);
    const args = files(where).flatMap(each => ['--heads', each]);
    const { stdout } = await run(process.execPath, [
      join(import.meta.dirname, '../verify/bin.mjs'),
      ...[file, ...args, '--keys', join(where, 'keys.json')],
    ]);
    assert.match(stdout, /^VALID/);
  });

  /** Watches until a campaign has closed, then forges the heads, and waits for the report. */
  async function foundBy(
    forge: (signer: Signer) => Forgery,
    kind: string,
  ): Promise<{ found: Found; where: string }> {
    const where = directory();
    const campaign = await system.offer({ kind: 'coupon', stock: 100 });
    await enter(campaign, 5);
    const monitor = await start(where, [forging.url]);
    await keepsAll(where);
    assert.deepEqual(monitor.findings(), []);
    await system.operate('POST', `/v1/campaigns/${campaign}/close`);
    forging.forge = forge(operator());
    const found = await eventually(() => monitor.findings().find(({ finding }) => finding === kind));
    assert.match(monitor.process.output(), new RegExp(` ${kind.toUpperCase()}: `));
    // It continues to follow and to record.
    forging.forge = undefined;
    const another = await system.offer({ kind: 'coupon', stock: 100 });
    await enter(another, 2);
    await eventually(async () => {
      const kept = keptIn(where);
      return (await allHeads(url(0))).heads.every(({ text }) => kept.includes(text));
    });
    assert.equal(await monitor.process.stop(), 4);
    // The next run knows the findings and does not report them again.
    const next = await start(where, [url(0)], '--once');
    assert.equal(await next.process.ended, 4);
    assert.deepEqual(next.findings(), []);
    return { found, where };
  }

  const last = (heads: readonly ShownHead[]): ShownHead => {
    const head = heads.at(-1);
    assert.ok(head);
    return head;
  };

  it('reports a fork at once: another slice in place of one shown', async () => {
    const { found, where } = await foundBy(
      signer => heads => {
        const { text, head } = last(heads);
        const fields = { ...head, root: sha256('another'), previous: Buffer.from(head.previous) };
        return heads.map(each => (each.text === text ? shownOf(fields, signer) : each));
      },
      'fork',
    );
    assert.equal(found.heads.length, 2);
    // Both are recorded and counter-signed, so the records alone prove it.
    const kept = keptIn(where);
    for (const text of found.heads) assert.ok(kept.includes(text));
  });

  it('reports a fork at once: a second slice continues the same one', async () => {
    let forged: ShownHead | undefined;
    const { found } = await foundBy(
      signer => (heads, throughUs) => {
        const { head } = last(heads);
        // Later than what was said to be complete: only its chain gives it away.
        forged ??= shownOf(
          {
            ...head,
            ...{
              sliceNumber: head.sliceNumber + 1,
              root: sha256('more'),
              previous: Buffer.from(head.previous),
            },
            ...{ firstUs: throughUs + 1, lastUs: throughUs + 1 },
          },
          signer,
        );
        return [...heads, forged];
      },
      'fork',
    );
    assert.match(found.message, /continues the predecessor of slice \d+ or of an earlier one/);
  });

  it('reports a rewind at once: a head once shown is missing', async () => {
    const { found } = await foundBy(() => heads => heads.slice(0, -2), 'rewind');
    assert.match(found.message, /was shown before but is no longer shown/);
  });

  it('reports a late incarnation at once: after the close, with stamps from before it', async () => {
    const { found } = await foundBy(
      signer => heads => {
        const middle = heads[heads.length - 3];
        assert.ok(middle);
        const { firstUs, incarnation } = middle.head;
        const late = { gateway: 9, incarnation: incarnation + 50, firstUs: firstUs + 1, lastUs: firstUs + 1 };
        return [
          ...heads,
          shownOf(
            { ...first(late).head, ...late, root: sha256('friends'), previous: Buffer.alloc(32) },
            signer,
          ),
        ];
      },
      'late',
    );
    assert.match(found.message, /of gateway 9 .* is shown now, but was missing/);
  });

  it('reports a head signed with an unknown key, and refuses keys outside the given list', async () => {
    const where = directory();
    const campaign = await system.offer({ kind: 'coupon', stock: 100 });
    await enter(campaign, 1);
    forging.forge = heads => {
      const { head } = last(heads);
      return [
        ...heads.slice(0, -1),
        shownOf({ ...head, root: sha256('x'), previous: Buffer.from(head.previous) }),
      ];
    };
    const monitor = await start(where, [forging.url], '--once');
    assert.equal(await monitor.process.ended, 3, monitor.process.output());
    assert.match(
      monitor.findings()[0]?.message ?? '',
      /is signed with key [0-9a-f]{16}, which is not in the given keys/,
    );
    const none = join(where, 'none.json');
    writeFileSync(none, '{"keys":[]}');
    const strict = await start(directory(), [url(0)], '--keys', none, '--once');
    assert.equal(await strict.process.ended, 3);
  });

  it('waits for a gateway that is down, and continues with another', async () => {
    const where = directory();
    const campaign = await system.offer({ kind: 'coupon', stock: 100 });
    forging.isDown = true;
    const monitor = await start(where, [forging.url]);
    await eventually(() =>
      /cannot follow \S+: \/v1\/keys answered with status 503; retrying/.test(monitor.process.output()),
    );
    await enter(campaign, 2);
    forging.isDown = false;
    await keepsAll(where);
    await eventually(() => /following .* again/.test(monitor.process.output()));
    forging.isDown = true;
    const once = spawnNode('engine/monitor/main.ts', {}, [
      ...[forging.url, '--out', directory(), '--interval-ms', '100', '--once'],
    ]);
    running.push(once);
    assert.equal(await once.ended, 70);
    const both = directory();
    await start(both, [forging.url, url(1)]);
    await keepsAll(both);
  });

  it('explains how to correct wrong usage', async () => {
    const where = directory();
    for (const [args, message] of [
      [['--out', where], /0 gateways are given/],
      [[url(0)], /--out is missing/],
      [['ftp://x', '--out', where], /"ftp:\/\/x" is not a gateway; expected http:\/\/host:port/],
      [[url(0), '--out', where, '--from', 'yesterday'], /--from is "yesterday"; expected an instant in UTC/],
      [
        [url(0), '--out', where, '--interval-ms', '1'],
        /--interval-ms is "1"; expected a whole number from 100 to 3600000/,
      ],
      [
        [url(0), '--out', where, '--look-back-pages', '0'],
        /--look-back-pages is "0"; expected a whole number from 1 to 1000/,
      ],
      [[url(0), '--out', where, '--keys', 'nowhere'], /cannot read keys from nowhere/],
    ] as const) {
      const process = spawnNode('engine/monitor/main.ts', {}, args);
      running.push(process);
      assert.equal(await process.ended, 1, args.join(' '));
      assert.match(process.output(), message);
    }
  });

  it('follows from a given instant, including chains that began earlier', async () => {
    const where = directory();
    const campaign = await system.offer({ kind: 'coupon', stock: 100 });
    await enter(campaign, 3);
    const { heads } = await allHeads(url(0));
    const from = Math.ceil(last(heads.slice(0, -2)).head.firstUs / 1_000) + 1;
    const monitor = await start(where, [url(0)], '--from', new Date(from).toISOString(), '--once');
    assert.equal(await monitor.process.ended, 0, monitor.process.output());
    const behind = heads.filter(({ head }) => head.firstUs >= from * 1_000).map(({ text }) => text);
    assert.deepEqual(keptIn(where), behind);
  });
});
