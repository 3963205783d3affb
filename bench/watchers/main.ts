import type { Bench } from '../bench.ts';
import type { Goal } from '../report/goals.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { measureWatchers } from './watchers.ts';

const options = {
  watchers: whole(10_000, 1, 15_000, 'streams open at one gateway'),
  users: whole(100_000, 16_000, 1_000_000, 'in the queue before the watchers come'),
  seconds: whole(10, 1, 120, 'how long others pour in while they watch'),
  connections: whole(400, 1, 2_000, 'clients of those who pour in'),
  json: flag('a JSON object as the last line'),
};

export const watchers: Bench<typeof options> = {
  summary: 'memory a watcher and a waiting user, and how long the loop is held while entries pour in',
  options,
  kafka: 'if-possible',
  run: async ({ servers, options, closing, say }) => {
    const { memory, gateway, loop } = await measureWatchers(servers, options, closing, say);
    const [redisLog, kafkaLog] = memory;
    const perUser = { unit: ' B', must: 140, aim: 110, better: 'less' } as const;
    const perWatcher = { unit: ' B', must: 4_096, aim: 2_048, better: 'less' } as const;
    const block = { unit: ' ms', must: 20, aim: 10, better: 'less' } as const;
    const goals: readonly Goal[] = [
      { what: 'gateway memory per watcher (RSS)', value: gateway.rssBytesPerWatcher, ...perWatcher },
      {
        what: 'gateway memory per watcher (RSS, garbage collected)',
        value: gateway.liveRssBytesPerWatcher,
        ...perWatcher,
      },
      { what: 'Redis memory per waiting user, Redis Streams', value: redisLog?.bytesPerUser, ...perUser },
      { what: 'Redis memory per waiting user, Kafka', value: kafkaLog?.bytesPerUser, ...perUser },
      { what: "longest block of the gateway's loop", value: loop.longestBlockMs, ...block },
      { what: 'the same while all are told their outcome', value: loop.longestBlockAtOutcomeMs, ...block },
    ];
    const text = [
      table(
        ['a watcher at the gateway', 'bytes'],
        [
          ['memory of the process (RSS)', gateway.rssBytesPerWatcher],
          ['the same when garbage was collected', gateway.liveRssBytesPerWatcher],
          ["of that in V8's heap", gateway.heapBytesPerWatcher],
        ],
      ),
      table(
        ["the gateway's event loop", 'longest block, ms', 'longest computed, ms'],
        [
          [
            `${Math.round(loop.entriesPerSecond)} entries/s, ${loop.positionsPerSecond} positions/s`,
            loop.longestBlockMs,
            loop.longestOwnBlockMs ?? undefined,
          ],
          ['outcomes to all', loop.longestBlockAtOutcomeMs, loop.longestOwnBlockAtOutcomeMs ?? undefined],
        ],
      ),
    ].join('\n\n');
    return { text, goals, json: { memory, gateway, loop } };
  },
};
