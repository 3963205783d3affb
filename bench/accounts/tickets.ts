/** Tickets made from sessions, each page with a session of its own, against the bare echo with the same generator. */
import type { CouponJob } from '../coupons/job.ts';
import { runJob } from '../coupons/run.ts';
import type { AccountsSite } from './site.ts';

/** A second. */
export interface TicketRates {
  /** Asked of the process of accounts, as a proxy in front of both does. */
  readonly direct: number;
  readonly forwarded: number;
  readonly echo: number;
}

interface TicketOptions {
  readonly renewing: number;
  readonly seconds: number;
  readonly round: number;
}

const ECHO_PATH = '/v1/campaigns/7/entries';
const TICKET_PATH = '/v1/accounts/ticket';

export async function measureTickets(
  { accounts, echo, gateway, fans }: AccountsSite,
  { renewing, seconds, round }: TicketOptions,
): Promise<TicketRates> {
  const cookies = fans.map(({ cookie }) => cookie);
  const rateOf = async (base: string, path: string, status: number): Promise<number> => {
    const job: CouponJob = {
      ...{ base, method: 'POST', path, headers: { cookie: '{v}' }, values: cookies, body: '{}' },
      ...{ connections: renewing, seconds, from: 0, status },
    };
    const { run } = await runJob(job, async () => async () => undefined);
    return run.answered / run.seconds;
  };
  const turns = {
    echo: () => rateOf(echo, ECHO_PATH, 202),
    direct: () => rateOf(accounts, TICKET_PATH, 200),
    forwarded: () => rateOf(gateway.base, TICKET_PATH, 200),
  };
  const before = round % 2 === 1 ? await turns.echo() : undefined;
  const direct = await turns.direct();
  const forwarded = await turns.forwarded();
  return { direct, forwarded, echo: before ?? (await turns.echo()) };
}
