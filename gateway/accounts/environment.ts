/** What of an environment the process of accounts sees. It faces strangers, with a library that reads variables of its own. */
import { accountsVariables } from './config.ts';

/** What Node.js, libuv, the project's modules and the client of PostgreSQL (which engines read as well) need of any process. */
const OF_ANY_PROCESS =
  /^(PATH|HOME|TMPDIR|TZ|LANG|LC_[A-Z]+|NODE_[A-Z_]+|SSL_CERT_(FILE|DIR)|PG[A-Z]+|UV_THREADPOOL_SIZE|FAIRLINE_PARENT)$/;

/**
 * Removes all variables but those of this process: keys of gateways and engines, tokens of operators and shops, and those by which
 * better-auth would change what we set (secrets, origins, the base of URLs, telemetry). To be called before its modules are loaded.
 */
export function keepOwnVariables(env: Record<string, string | undefined>): void {
  for (const name of Object.keys(env)) {
    if (!Object.hasOwn(accountsVariables, name) && !OF_ANY_PROCESS.test(name)) delete env[name];
  }
}
