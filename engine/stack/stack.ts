import { StackError } from './errors.ts';
import { startKeeper } from './keeping/owner.ts';
import type { ServerName } from './keeping/records.ts';
import { type KafkaNeed, type LogKind, makePlan, type Plan } from './plan.ts';

export { type LogKind, StackError };

/** The servers' addresses, ready to be merged into the environment of a gateway or an engine. */
export interface StackEnv {
  DATABASE_URL: string;
  REDIS_URL: string;
  KAFKA_BROKERS?: string;
  /** For the private Kafka, which is one broker; a foreign Kafka is configured by its operator. */
  KAFKA_REPLICATION?: '1';
  LOG: LogKind;
}

export interface Stack {
  readonly env: StackEnv;
  /** Lines a person should see at the start, such as "no Java 17: the log is Redis Streams". */
  readonly notes: readonly string[];
  /** Stops what this call started, but nothing that was running before. May be called again. */
  stop(): Promise<void>;
}

export interface StackOptions {
  /** The directory of data, records and logs, such as `<project>/.stack`. Another directory is another stack. */
  readonly dir: string;
  /** Servers named by DATABASE_URL, REDIS_URL and KAFKA_BROKERS are not started; LOG is honoured too. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** When left out it follows LOG: `no` for redis, `required` for kafka, `if-possible` without LOG. */
  readonly need?: { readonly kafka?: KafkaNeed };
  readonly onProgress?: (line: string) => void;
}

/**
 * Starts the private servers that the environment does not name, or finds those of `dir` running, and resolves when all of
 * them serve. They end with this process, however it ends. Rejects with StackError.
 */
export function startStack(options: StackOptions): Promise<Stack> {
  return launchStack(options, false);
}

/** Like `startStack`; in the background, the servers continue after this process has ended. */
export async function launchStack(options: StackOptions, background: boolean): Promise<Stack> {
  const plan = makePlan(options.env, options.need?.kafka);
  const servers = privateServers(plan);
  if (servers.length === 0) {
    return { env: environment(plan, {}), notes: [], stop: async () => undefined };
  }
  const kept = await startKeeper(
    { dir: options.dir, servers, kafka: plan.privateKafka, log: plan.log, background },
    options.env,
    options.onProgress ?? (() => undefined),
  );
  let stopping: Promise<void> | undefined;
  return {
    env: environment(plan, kept.ready.urls),
    notes: kept.ready.notes,
    stop: () => {
      stopping ??= kept.end();
      return stopping;
    },
  };
}

function privateServers(plan: Plan): ServerName[] {
  const servers: ServerName[] = [];
  if (plan.databaseUrl === undefined) servers.push('postgres');
  if (plan.redisUrl === undefined) servers.push('redis');
  if (plan.privateKafka !== 'no') servers.push('kafka');
  return servers;
}

function environment(plan: Plan, urls: Readonly<Partial<Record<ServerName, string>>>): StackEnv {
  const kafkaBrokers = plan.kafkaBrokers ?? urls.kafka;
  const log = plan.log === 'by-kafka' ? (kafkaBrokers === undefined ? 'redis' : 'kafka') : plan.log;
  return {
    DATABASE_URL: plan.databaseUrl ?? urls.postgres ?? '',
    REDIS_URL: plan.redisUrl ?? urls.redis ?? '',
    ...(kafkaBrokers === undefined ? {} : { KAFKA_BROKERS: kafkaBrokers }),
    ...(urls.kafka === undefined ? {} : { KAFKA_REPLICATION: '1' as const }),
    LOG: log,
  };
}
