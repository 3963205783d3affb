/** nginx for tests: the one of the machine, or a private one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../test/support.ts';
import { StackError } from '../errors.ts';
import { CACHE_DIR } from '../keeping/owner.ts';
import { tryRun } from '../keeping/processes.ts';
import { unpackDebian } from '../servers/debian.ts';

/** How to run nginx. */
export interface Nginx {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

/** How to run nginx, or why it cannot be run. */
export async function findNginx(): Promise<Nginx | string> {
  if ((await tryRun('nginx', ['-v'], { env: process.env })).ok) return { command: 'nginx', env: process.env };
  try {
    const { command, libraryPath } = await unpackDebian(
      {
        dir: CACHE_DIR,
        cacheDir: CACHE_DIR,
        env: process.env,
        signal: new AbortController().signal,
        progress: line => process.stderr.write(`${line}\n`),
      },
      { name: 'nginx', program: ['usr', 'sbin', 'nginx'], byHand: 'install nginx' },
    );
    const env = { ...process.env, LD_LIBRARY_PATH: libraryPath };
    const answer = await tryRun(command, ['-v'], { env });
    return answer.ok ? { command, env } : `it does not run here: ${answer.stderr.trim()}`;
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    return error.message;
  }
}

/** Runs nginx with what its `http` block contains; resolves once `isReady`, with a function that stops it. */
export async function startNginx(
  { command, env }: Nginx,
  http: string,
  isReady: () => Promise<boolean>,
): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'fairline-nginx-'));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    name => `${name}_temp_path ${join(directory, name)};`,
  );
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  await writeFile(
    join(directory, 'nginx.conf'),
    `${user} daemon off; worker_processes 1; pid ${join(directory, 'nginx.pid')}; error_log stderr;
     events {} http { access_log off; ${paths.join(' ')} ${http} }`,
  );
  const child: ChildProcess = spawn(
    command,
    ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')],
    { env, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let output = '';
  child.stderr?.on('data', chunk => {
    output += chunk;
  });
  const ended = once(child, 'close');
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${output}`);
    return await isReady();
  });
  return async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
}
