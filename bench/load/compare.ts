/**
 * Compares autocannon with this folder's generator, in turn, against the echo, to see which of them measures the server and
 * not itself. `node --import tsx bench/load/compare.ts [rounds=3] [seconds=4]` prints requests per second and CPU
 * microseconds per request of both sides for every run. The figures that decided are in closed-loop.ts.
 */
import { createRequire } from 'node:module';
import { startChild, startPeer } from '../peers/process.ts';
import { processUsage } from '../peers/usage.ts';
import { startFleet } from './fleet.ts';

const CONNECTIONS = 400;
const PATH = '/v1/campaigns/7/entries';
const ticket = { secret: 'a secret of the comparison', audience: 'fairline' };

interface Run {
  readonly generator: string;
  readonly requests: number;
  readonly seconds: number;
  readonly generatorCpuUs: number;
  readonly serverCpuUs: number;
}

/** autocannon as a process of its own, with a fixed token: it signs no tickets, which is to its advantage. */
async function autocannon(
  base: string,
  seconds: number,
): Promise<Pick<Run, 'requests' | 'generatorCpuUs' | 'seconds'>> {
  const module = createRequire(import.meta.url).resolve('autocannon');
  const options = {
    url: base + PATH,
    method: 'POST',
    connections: CONNECTIONS,
    duration: seconds,
    headers: { authorization: `Bearer ${'x'.repeat(172)}` },
  };
  const script = `
    const cpu = process.cpuUsage();
    require(${JSON.stringify(module)})(${JSON.stringify(options)}).then(result => {
      const { user, system } = process.cpuUsage(cpu);
      console.log(JSON.stringify({ requests: result['2xx'], seconds: result.duration, generatorCpuUs: user + system }));
    });`;
  const child = await startChild({
    name: 'autocannon',
    command: process.execPath,
    args: ['-e', script],
    isReady: line => 'requests' in line,
  });
  await child.exited;
  return JSON.parse(child.lastLine());
}

async function ours(
  base: string,
  seconds: number,
): Promise<Pick<Run, 'requests' | 'generatorCpuUs' | 'seconds'>> {
  const users = { from: 0, to: Math.ceil(seconds * 150_000) };
  const fleet = await startFleet({
    bases: [base],
    path: PATH,
    connections: CONNECTIONS,
    users,
    seconds,
    ticket,
  });
  try {
    const result = await fleet.go();
    return { requests: result.byStatus['202'] ?? 0, seconds: result.seconds, generatorCpuUs: result.cpuUs };
  } finally {
    await fleet.stop();
  }
}

const [rounds = '3', seconds = '4'] = process.argv.slice(2);
const echo = await startPeer('echo');
try {
  for (let round = 0; round < Number(rounds); round++) {
    for (const [generator, run] of Object.entries({ autocannon, ours })) {
      const before = await processUsage(echo.pid);
      const one = await run(echo.base, Number(seconds));
      const after = await processUsage(echo.pid);
      const perRequest = (us: number): string => `${(us / one.requests).toFixed(2)} us`;
      console.log(
        generator.padEnd(12),
        `${Math.round(one.requests / one.seconds)} requests/s`,
        `generator ${perRequest(one.generatorCpuUs)}`,
        `server ${perRequest(after.cpuUs - before.cpuUs)}`,
      );
    }
  }
} finally {
  await echo.stop();
}
