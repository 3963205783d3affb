/** What of an environment the process of accounts sees. It faces strangers, with a library that reads variables of its own. */
import type { Environment } from '../../engine/contract/process/config.ts';
import { accountsVariables } from './config.ts';

/** What Node.js, libuv and the project's modules need of any process. */
const OF_ANY_PROCESS =
  /^(PATH|HOME|TMPDIR|TZ|LANG|LC_[A-Z]+|NODE_[A-Z_]+|UV_THREADPOOL_SIZE|FAIRLINE_PARENT)$/;

/** The variables of the process of accounts, and none of others: no keys of gateways and engines, no token of operators. */
export function accountsEnvironment(env: Environment): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const isOwn = Object.hasOwn(accountsVariables, name) || OF_ANY_PROCESS.test(name);
    if (isOwn && value !== undefined) own[name] = value;
  }
  return own;
}

/** Those by which better-auth would change what we set (secrets, origins, the base of URLs, telemetry), in all their spellings. */
const OF_LIBRARY = /^((NEXT_PUBLIC_|NUXT_PUBLIC_|PUBLIC_|NUXT_)?(BETTER_)?AUTH_|NEXTAUTH_)/;

/** Removes the library's variables. To be called before its modules are loaded, which read them. */
export function removeLibraryVariables(env: Record<string, string | undefined>): void {
  for (const name of Object.keys(env)) if (OF_LIBRARY.test(name)) delete env[name];
}
