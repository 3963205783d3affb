/**
 * What the leader of a Kafka partition knows of idempotent producers, and its answers (Kafka 4.3's
 * ProducerAppendInfo.checkSequence and ProducerStateEntry.findDuplicateBatch, compared with a real broker). Epochs only rise.
 * The first batch of an epoch has sequence 0, unless the leader does not know the producer; each later batch continues the
 * previous one. When one of the last five batches arrives again, the leader repeats its answer.
 */
import type { BatchWriter } from '../../../engine/contract/log/kafka/kafka-produce.ts';

export const UNKNOWN_TOPIC_OR_PARTITION = 3;
const OUT_OF_ORDER_SEQUENCE = 45;
const INVALID_PRODUCER_EPOCH = 47;
const BATCHES_KEPT = 5;
const SEQUENCES = 2 ** 31;

interface ProducerState {
  epoch: number;
  /** The sequences of the last batches; the latest is last. */
  readonly sequences: number[];
}

export class ProducerStates {
  readonly #producers = new Map<bigint, ProducerState>();

  /** 0: append the batch; DUPLICATE: it is in the log already. Other values are Kafka's error codes. */
  check({ producerId, epoch, sequence }: BatchWriter): number | typeof DUPLICATE {
    if (producerId < 0n) return 0;
    const state = this.#producers.get(producerId);
    if (state === undefined) {
      this.#producers.set(producerId, { epoch, sequences: [sequence] });
      return 0;
    }
    if (epoch < state.epoch) return INVALID_PRODUCER_EPOCH;
    if (epoch > state.epoch) {
      if (sequence !== 0) return OUT_OF_ORDER_SEQUENCE;
      this.#producers.set(producerId, { epoch, sequences: [sequence] });
      return 0;
    }
    if (state.sequences.includes(sequence)) return DUPLICATE;
    if (sequence !== ((state.sequences.at(-1) ?? -1) + 1) % SEQUENCES) return OUT_OF_ORDER_SEQUENCE;
    state.sequences.push(sequence);
    if (state.sequences.length > BATCHES_KEPT) state.sequences.shift();
    return 0;
  }
}

export const DUPLICATE = 'duplicate';
