/** `npm run ticket -- <user> [seconds]`: prints a ticket, for trying things out. */
import { join } from 'node:path';
import { ConfigError, readConfig, ticketVariables, whole } from '../process/config.ts';
import { messageOf } from '../process/message-of.ts';
import { MAX_USER_ID_BYTES } from '../record/record.ts';
import { secretFor } from './secrets.ts';
import { signTicket } from './ticket.ts';

const DAY_SECONDS = 86_400;

async function main(): Promise<void> {
  const [userId, seconds] = process.argv.slice(2);
  if (userId === undefined || userId === '' || Buffer.byteLength(userId) > MAX_USER_ID_BYTES) {
    throw new ConfigError([
      `<user> is ${JSON.stringify(userId ?? '')}; usage: npm run ticket -- <user id of 1 to ${MAX_USER_ID_BYTES} bytes> [seconds]`,
    ]);
  }
  const stack = join(import.meta.dirname, '../../../.stack');
  const config = readConfig(
    { ...ticketVariables, seconds: whole(DAY_SECONDS, 1, 365 * DAY_SECONDS) },
    { ...process.env, TICKET_SECRET: secretFor('TICKET_SECRET', stack, process.env), seconds },
  );
  const terms = {
    secret: config.TICKET_SECRET,
    audience: config.TICKET_AUDIENCE,
    lifetimeSeconds: config.seconds,
  };
  process.stdout.write(`${await signTicket(userId, terms)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
});
