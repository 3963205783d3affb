import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StackError } from '../errors.ts';
import { tryRun } from '../keeping/processes.ts';
import type { Launch, Site } from './server.ts';

const REMEDY =
  'start as an ordinary user, or create a user "postgres" (useradd --system postgres), or set DATABASE_URL';

/** The user that PostgreSQL runs as, if it is not the current one. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** A directory on the way to the programs or the data admits only root, as /root does. */
  readonly isShutOut: boolean;
}

/**
 * PostgreSQL refuses to run as root: returns the user "postgres", created if there is none. Undefined unless the current user
 * is root. Throws StackError if root cannot do that, as in some containers.
 */
export async function chooseAccount(site: Site, programs: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const ids = (await lookUp(site)) ?? (await make(site));
  const isShutOut = !isOpenToAll(programs) || !isOpenToAll(site.dir);
  if (isShutOut && !(await tryRun('setpriv', ['--version'], site)).ok) {
    throw new StackError(
      `PostgreSQL does not run as root, and the user "postgres" has no access to ${site.dir} or ${programs}`,
      'start as an ordinary user, or move the project to a directory that every user can access, or set DATABASE_URL',
    );
  }
  return { ...ids, isShutOut };
}

async function make(site: Site): Promise<{ uid: number; gid: number }> {
  site.progress('PostgreSQL does not run as root: creating a user "postgres" for it');
  const options = [
    '--system',
    '--user-group',
    '--no-create-home',
    '--shell',
    '/usr/sbin/nologin',
    'postgres',
  ];
  const made = await tryRun('useradd', options, site);
  const ids = made.ok ? await lookUp(site) : undefined;
  if (ids !== undefined) return ids;
  const reason = made.stderr.trim() || 'useradd did nothing';
  throw new StackError(
    `PostgreSQL does not run as root, and creating a user "postgres" failed: ${reason}`,
    REMEDY,
  );
}

async function lookUp(site: Site): Promise<{ uid: number; gid: number } | undefined> {
  const uid = await tryRun('id', ['-u', 'postgres'], site);
  const gid = await tryRun('id', ['-g', 'postgres'], site);
  return uid.ok && gid.ok ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined;
}

function isOpenToAll(directory: string): boolean {
  if ((statSync(directory).mode & 0o001) === 0) return false;
  return directory === dirname(directory) || isOpenToAll(dirname(directory));
}

/**
 * How to run a program as `account`. If it is shut out, it gets the single capability that opens directories; without
 * `no_setuid_fixup`, access(2), by which initdb looks for its sister program, would ignore that capability.
 */
export function runAs(
  account: Account | undefined,
  program: string,
  args: readonly string[],
): Pick<Launch, 'command' | 'args' | 'uid' | 'gid'> {
  if (account === undefined) return { command: program, args };
  const { uid, gid, isShutOut } = account;
  if (!isShutOut) return { command: program, args, uid, gid };
  const user = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--securebits=+no_setuid_fixup'];
  const capability = ['--inh-caps=-all,+dac_override', '--ambient-caps=-all,+dac_override'];
  return { command: 'setpriv', args: [...user, ...capability, '--', program, ...args] };
}
