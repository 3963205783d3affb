import { StackError } from './errors.ts';

export type LogKind = 'kafka' | 'redis';
export type KafkaNeed = 'if-possible' | 'required' | 'no';

/** Which servers the environment names, and which private ones to start. */
export interface Plan {
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly kafkaBrokers?: string;
  /** Whether to start a private Kafka; `no` as well if KAFKA_BROKERS names another one. */
  readonly privateKafka: KafkaNeed;
  /** `by-kafka`: Kafka if it can be started, else Redis Streams. */
  readonly log: LogKind | 'by-kafka';
}

type Environment = Readonly<Record<string, string | undefined>>;

function given(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

function chosenLog(env: Environment): LogKind | undefined {
  const value = given(env, 'LOG');
  if (value === undefined || value === 'kafka' || value === 'redis') return value;
  throw new StackError(
    `LOG=${value} is unknown`,
    'use LOG=kafka or LOG=redis; when unset, Kafka is used if available, else Redis Streams',
  );
}

/** Reads the environment. Throws StackError if it contradicts itself. */
export function makePlan(env: Environment, need: KafkaNeed | undefined): Plan {
  const log = chosenLog(env);
  const databaseUrl = given(env, 'DATABASE_URL');
  const redisUrl = given(env, 'REDIS_URL');
  const kafkaBrokers = given(env, 'KAFKA_BROKERS');
  const servers = {
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(redisUrl === undefined ? {} : { redisUrl }),
    ...(kafkaBrokers === undefined ? {} : { kafkaBrokers }),
  };
  if (kafkaBrokers !== undefined) return { ...servers, privateKafka: 'no', log: log ?? 'kafka' };
  if (log === 'kafka' && need === 'no') {
    throw new StackError(
      'LOG=kafka is set, but this start has no private Kafka and KAFKA_BROKERS is empty',
      'set KAFKA_BROKERS, or use LOG=redis',
    );
  }
  if (log === 'kafka') return { ...servers, privateKafka: 'required', log };
  if (log === 'redis') return { ...servers, privateKafka: need ?? 'no', log };
  const privateKafka = need ?? 'if-possible';
  return { ...servers, privateKafka, log: privateKafka === 'no' ? 'redis' : 'by-kafka' };
}
