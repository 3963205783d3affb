/** The ways of others (peer.ts); each of their servers has a wrong clock of its own. */
import pg from 'pg';
import { startScript } from '../peers/process.ts';
import type { Closing } from '../system/closing.ts';
import type { Servers } from '../system/servers.ts';
import { sendCrowd } from './clients.ts';
import { baseOf, basesOf, envOf, PEER_WAYS, type Skew, startEdges, type Way } from './ways.ts';

const PEER = new URL('./peer.ts', import.meta.url);
const TICKET = { secret: 'a secret of the peers, of more than thirty-two characters', audience: 'fairline' };

export async function startPeerWays(
  servers: Servers,
  skews: readonly Skew[],
  linkMs: number,
  closing: Closing,
): Promise<readonly Way[]> {
  const database = await servers.createDatabase();
  await closing.own(Promise.resolve({ stop: () => database.drop() }));
  await makeTable(database.url);
  const direct: string[] = [];
  for (const skew of skews) {
    const env = {
      REDIS_URL: servers.env.REDIS_URL,
      DATABASE_URL: database.url,
      TICKET_SECRET: TICKET.secret,
      TICKET_AUDIENCE: TICKET.audience,
      PORT: '0',
      ...envOf(skew),
    };
    direct.push(baseOf(await closing.own(startScript(PEER, { name: 'peer', env }))));
  }
  const edges = await startEdges(direct.at(-1) ?? '', linkMs, closing);
  let runs = 0;
  return PEER_WAYS.map(name => ({
    name,
    run: async (route, terms) => {
      runs += 1;
      const sent = await sendCrowd({
        ...terms,
        bases: basesOf(route, direct, edges),
        path: `/${name}/fairness-${process.pid}-${runs}`,
        ticket: TICKET,
        prefix: `p${runs}-`,
      });
      return { placed: sent.map(({ arrivedUs, answer }) => ({ arrivedUs, key: Number(answer.key) })) };
    },
  }));
}

async function makeTable(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      'create table arrivals (id bigserial primary key, run text not null, user_id text not null, unique (run, user_id))',
    );
  } finally {
    await client.end();
  }
}
