/** Follows the README like a new user: each command as it stands, in order, on a copy of the project started with `npm start`. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readPages } from './documents.ts';
import { PROJECT } from './program.ts';
import { type Example, examplesOf, Shell, showsAll } from './quickstart.ts';
import { emptyDatabase, eventually, serversFromEnv, type TestDatabase, testNamespace } from './support.ts';

const read = (file: string): string => readFileSync(join(PROJECT, file), 'utf8');
const english = read('README.md');
const examples = examplesOf(english);
const { scripts }: { scripts: Readonly<Record<string, string>> } = JSON.parse(read('package.json'));

/** The test run has already installed the packages, and cannot run itself. */
const START = 'npm ci && npm start';
const TEST = 'npm ci && npm test';
const SNIPPET_ENDS = 21;
const MOST_LINES = 160;
/** What macOS has not, or has with other options. */
const GNU_ONLY =
  /\bdate\b|\bsed -i\b|\breadlink\b|\bgrep -[a-zA-Z]*P|\bxargs -[dr]\b|\bnproc\b|\/proc\/|\bstat -c\b|\btimeout \d|\bsha256sum\b/;
/** The rooms of gateway and engine from a POST to the stream, each where an entry comes to it first. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  gateway: ['http', 'clock', 'ticket', 'entry', 'shared', 'stream'],
  engine: ['intake', 'watermark', 'settling', 'projections'],
};

/** A copy of the project with data and secrets of its own, like a fresh clone. */
async function copyProject(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'fairline-quickstart-'));
  const names = (await readdir(PROJECT)).filter(name => name !== 'node_modules' && !name.startsWith('.'));
  for (const name of names) await cp(join(PROJECT, name), join(copy, name), { recursive: true });
  await symlink(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** `npm start` and everything that it starts, in a process group that ends with this test, however the test ends. */
class Started {
  readonly #child: ChildProcess;
  #output = '';

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    const group = 'npm start & cat > /dev/null; kill -TERM -$$';
    this.#child = spawn('sh', ['-c', group], { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  get output(): string {
    return this.#output;
  }

  /** The port that it prints behind this name once it is up. */
  async port(name: string): Promise<string> {
    return await eventually(
      () => {
        assert.ok(!this.#output.includes('ended with code'), this.#output);
        return new RegExp(`^ *${name} +http://127\\.0\\.0\\.1:(\\d+)`, 'm').exec(this.#output)?.[1];
      },
      { timeoutMs: 240_000 },
    );
  }

  async stop(): Promise<void> {
    // Its pipes close when the last process of the group has ended.
    const closed = once(this.#child, 'close');
    this.#child.stdin?.end();
    await closed;
  }
}

/** The environment of a user who sets DATABASE_URL and REDIS_URL: the test run's servers, without its other settings. */
function readersEnvironment(database: TestDatabase): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, FAIRLINE_BUNDLES: ___, ...inherited } = process.env;
  return {
    ...inherited,
    DATABASE_URL: database.url,
    REDIS_URL: serversFromEnv().redisUrl,
    KAFKA_BROKERS: '',
    LOG: 'redis',
    NAMESPACE: testNamespace(),
    GATEWAY_PORT: '0',
    ACCOUNTS_PORT: '0',
    ENGINE_PORT: '0',
  };
}

describe('the README', () => {
  it('is short and starts with its snippet', () => {
    const lines = english.trimEnd().split('\n');
    assert.ok(lines.length <= MOST_LINES, `${lines.length} lines`);
    const stream = lines.findIndex(line => line.includes('/queue'));
    assert.ok(stream !== -1 && stream < SNIPPET_ENDS, `the stream is opened in line ${stream + 1}`);
  });

  it('shows the same commands and the same output in Korean', () => {
    assert.deepEqual(examplesOf(read('.github/README.ko.md')), examples);
  });

  it('begins with the two commands', () => {
    assert.deepEqual(examples[0]?.commands, [START, TEST]);
  });

  it('links to the Korean one in its first line', () => {
    assert.match(english, /^# [^\n]*\[한국어\]\(\.github\/README\.ko\.md\)\n/);
  });

  it('shows the rooms in the order in which an entry passes through them', () => {
    const [, picture = ''] = /^## How a request flows\n.*?^```\n(.*?)^```$/ms.exec(english) ?? [];
    for (const [folder, rooms] of Object.entries(ROOMS)) {
      const shown = rooms.map(room => picture.search(new RegExp(`\\b${room} `)));
      assert.ok(!shown.includes(-1), `${folder}: ${shown}`);
      assert.deepEqual(
        shown.toSorted((a, b) => a - b),
        shown,
        folder,
      );
      for (const room of rooms) assert.ok(existsSync(join(PROJECT, folder, room)), `${folder}/${room}`);
      const listed = [...read(`${folder}/README.md`).matchAll(/^\| \[([a-z-]+)\]/gm)].map(
        ([, room = '']) => room,
      );
      assert.deepEqual(
        listed.filter(room => rooms.includes(room)),
        rooms,
        `${folder}/README.md`,
      );
    }
  });

  it('does not need date, which differs between GNU and macOS', () => {
    for (const { file, text } of readPages(PROJECT)) assert.doesNotMatch(text, /\$\(date|`date /, file);
  });
});

describe('every page', () => {
  for (const { file, text } of readPages(PROJECT)) {
    it(`names only existing package.json scripts: ${file}`, () => {
      const named = [...text.matchAll(/npm run (?:-s )?([a-z][a-z-]*)/g)].map(([, name = '']) => name);
      assert.deepEqual(
        named.filter(name => scripts[name] === undefined),
        [],
      );
    });

    it(`shows only commands that run as they stand, in macOS' shell as well: ${file}`, () => {
      const commands = examplesOf(text).flatMap(example => example.commands);
      // An interactive zsh takes a comment for arguments.
      assert.deepEqual(
        commands.filter(command => /(^|\s)#(\s|$)/m.test(command)),
        [],
      );
      assert.deepEqual(
        commands.filter(command => GNU_ONLY.test(command)),
        [],
      );
    });
  }
});

describe("the README's commands, in order", () => {
  const rest: readonly Example[] = examples.slice(1);
  let database: TestDatabase;
  let copy = '';
  let started: Started | undefined;
  let shell: Shell | undefined;
  let withPorts = (text: string): string => text;

  before(async () => {
    [database, copy] = await Promise.all([emptyDatabase(), copyProject()]);
    const env = readersEnvironment(database);
    started = new Started(copy, env);
    const [gateway, engine] = [await started.port('the queue'), await started.port('the operator')];
    withPorts = text => text.replaceAll(':8080/', `:${gateway}/`).replaceAll(':8081/', `:${engine}/`);
    shell = new Shell(copy, env);
  });
  after(async () => {
    await shell?.close();
    await started?.stop();
    await database?.drop();
    await rm(copy, { recursive: true, force: true });
  });

  it('begin with the output of `npm start`', () => {
    const plain = (text: string): string => text.replace(/\\\n/g, ' ').replace(/\s+/g, ' ');
    const printed = plain(started?.output ?? '');
    for (const command of rest[0]?.commands ?? []) {
      assert.ok(printed.includes(plain(withPorts(command))), `${command}\nis not in\n${started?.output}`);
    }
  });

  for (const { commands, prints } of rest) {
    let printed = '';
    for (const command of commands) {
      it(command.replace(/\\\n */g, ''), async () => {
        assert.ok(shell !== undefined);
        const { code, stdout } = await shell.run(withPorts(command));
        assert.equal(code, 0, `${stdout}\n${shell.stderr}`);
        printed += `${stdout}\n`;
      });
    }
    it(`print ${prints.join(' ')}`, () => {
      assert.ok(showsAll(prints, printed), `${prints.join('\n')}\nis not in\n${printed}`);
    });
  }

  it('go on when the process of accounts is killed, which is started again', async () => {
    const program = join(basename(copy), 'gateway/accounts/main.ts');
    const pids = (): readonly number[] =>
      execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
        .split('\n')
        .filter(line => line.includes(program))
        .map(line => Number.parseInt(line, 10));
    const [pid] = pids();
    assert.ok(pid !== undefined && pids().length === 1, pids().join());
    const queue = withPorts('http://127.0.0.1:8080/');
    const me = async (): Promise<number> => (await fetch(`${queue}v1/accounts/me`)).status;
    assert.equal(await me(), 401);
    process.kill(pid, 'SIGKILL');
    await eventually(async () => (await me()) === 503);
    assert.equal((await fetch(`${queue}readyz`)).status, 200, 'entries go on');
    await eventually(async () => (await me()) === 401, { timeoutMs: 180_000 });
    assert.match(
      started?.output ?? '',
      /the process of accounts ended \(SIGKILL\); starting it again in 1 s/,
    );
  });
});

describe('a shell', () => {
  it('keeps variables, reports exit codes, and detects a command that ends it', async t => {
    const shell = new Shell(tmpdir(), process.env);
    t.after(() => shell.close());
    assert.deepEqual(await shell.run('A=b'), { code: 0, stdout: '' });
    assert.deepEqual(await shell.run('printf "%s\\n" "$A"; false'), { code: 1, stdout: 'b\n' });
    assert.equal((await shell.run('seq 1 200000')).stdout.length, 1_288_895);
    await assert.rejects(shell.run('echo last; exit 3'), /the shell ended in "echo last; exit 3":\nlast/);
  });
});

describe("a page's example", () => {
  it('is parsed into commands and their output', () => {
    const page =
      'one\n```sh\none a \\\n  b\ntwo\n```\n\nIt prints:\n\n```text\nc\n…\n```\n```js\nthree\n```\n```sh\nfour\n```\n';
    assert.deepEqual(examplesOf(page), [
      { commands: ['one a \\\n  b', 'two'], prints: ['c', '…'] },
      { commands: ['four'], prints: [] },
    ]);
  });

  it('must be printed completely and in order', () => {
    assert.ok(showsAll(['{"a":…,"b":2}', 'c.'], 'x\n{"a":{"c":1},"b":2}\nc.\n'));
    assert.ok(!showsAll(['{"a":…,"b":2}'], '{"a":1,"b":22}'));
    assert.ok(!showsAll(['c.'], 'cd'));
    assert.ok(!showsAll(['a', 'b'], 'b\na'));
  });
});
