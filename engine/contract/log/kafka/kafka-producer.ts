import type { LogFencing, LogProducer } from '../log.ts';
import { KafkaFencing } from './kafka-fencing.ts';
import { KafkaSender, type KafkaSenderOptions } from './kafka-sender.ts';
import { ensureTopic, type TopicOptions } from './kafka-topic.ts';
import { KafkaProducer } from './kafka-writer.ts';

type Options = KafkaSenderOptions & TopicOptions;

/** Creates the topic if it is missing; rejects if Kafka is unavailable or the topic is misconfigured. */
export async function openKafkaProducer(options: Options): Promise<LogProducer> {
  await ensureTopic(options);
  return new KafkaProducer(new KafkaSender(options));
}

/** Rejects like `openKafkaProducer`. */
export async function openKafkaFencing(options: Options): Promise<LogFencing> {
  await ensureTopic(options);
  return new KafkaFencing(new KafkaSender(options));
}
