/**
 * Secrets that nobody configured: made once, and kept beside the private stack in files that only their owner can read.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from './config.ts';

const keptSecrets = ['TICKET_SECRET', 'OPERATOR_TOKEN'] as const;

/** Each secret, as `secretFor` gives it. */
export function secretsFor(dir: string, env: Environment): Record<(typeof keptSecrets)[number], string> {
  const [ticket, operator] = keptSecrets;
  return { [ticket]: secretFor(ticket, dir, env), [operator]: secretFor(operator, dir, env) };
}

/** The secret from the environment, else from its file in `dir`, else made now and kept there. */
export function secretFor(name: (typeof keptSecrets)[number], dir: string, env: Environment): string {
  const given = env[name];
  if (given !== undefined && given !== '') return given;
  const file = join(dir, `${name.toLowerCase().replace('_', '-')}`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  try {
    // Exclusive: of two processes that start at once, one makes it and both read it.
    writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return readFileSync(file, 'utf8').trim();
}
