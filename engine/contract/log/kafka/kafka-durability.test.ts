import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FoundTopic, type TopicDurability, topicFault, topicSettings } from './kafka-durability.ts';

const DAY_MS = 86_400_000;
const WANTED: TopicDurability = {
  replication: 3,
  minInsyncReplicas: 2,
  retentionMs: 7 * DAY_MS,
  uncleanElection: 'refused',
};

function found(changes: Readonly<Record<string, string>>, ...replicas: readonly number[][]): FoundTopic {
  return {
    topic: 'fairline.slices',
    brokers: 'a:9092,b:9092',
    brokersUp: [1, 2, 3, 4],
    partitions: replicas.map((each, partition) => ({ partition, replicas: each })),
    settings: new Map(Object.entries({ ...topicSettings(WANTED), ...changes })),
  };
}

test('accepts a topic as created, or a more durable one', () => {
  assert.equal(topicFault(found({}, [1, 2, 3]), WANTED), undefined);
  const more = found({ 'min.insync.replicas': '3', 'retention.ms': '-1' }, [1, 2, 3, 4]);
  assert.equal(topicFault(more, WANTED), undefined);
});

test('three replicas with min.insync.replicas 1: prints exactly the command that fixes it', () => {
  assert.equal(
    topicFault(found({ 'min.insync.replicas': '1', 'retention.ms': '9999999999' }, [1, 2, 3]), WANTED),
    "Kafka's topic fairline.slices has min.insync.replicas=1, and an acknowledged entry could be on fewer brokers than " +
      'configured and be lost with them (KAFKA_MIN_INSYNC_REPLICAS=1 accepts it explicitly (it is 2)): ' +
      'kafka-configs.sh --bootstrap-server a:9092,b:9092 --alter --entity-type topics --entity-name fairline.slices ' +
      '--add-config min.insync.replicas=2 fixes it',
  );
  assert.equal(
    topicFault(found({ 'min.insync.replicas': '1' }, [1, 2, 3]), { ...WANTED, minInsyncReplicas: 1 }),
    undefined,
  );
});

test('reports everything missing at once, with one command for all settings', () => {
  const fault = topicFault(
    found({ 'min.insync.replicas': '1', 'unclean.leader.election.enable': 'true' }, [1]),
    WANTED,
  );
  assert.match(fault ?? '', /^Kafka's topic fairline.slices is on 1 broker, .*It also has min.insync/);
  assert.match(fault ?? '', /--add-config min.insync.replicas=2,unclean.leader.election.enable=false fixes/);
});

test('spreads under-replicated partitions over live brokers and keeps existing replicas', () => {
  const fault = topicFault(found({}, [1], [1, 2, 3], [2, 1]), WANTED) ?? '';
  const [, file] =
    /echo '(.*)' >replicas.json && kafka-reassign-partitions.sh .* --execute/.exec(fault) ?? [];
  assert.deepEqual(JSON.parse(file ?? ''), {
    version: 1,
    partitions: [
      { topic: 'fairline.slices', partition: 0, replicas: [1, 2, 3] },
      { topic: 'fairline.slices', partition: 2, replicas: [2, 1, 3] },
    ],
  });
  assert.equal(topicFault(found({}, [1], [1, 2, 3], [2, 1]), { ...WANTED, replication: 1 }), undefined);
});

test('asks for more brokers while too few are up', () => {
  const fault = topicFault({ ...found({}, [1]), brokersUp: [1, 2] }, WANTED) ?? '';
  assert.match(fault, /start the other brokers \(2 of 3 are up\)/);
  assert.doesNotMatch(fault, /--execute/);
});

test('requires two in-sync replicas on two brokers, and one on one', () => {
  const two = { ...WANTED, replication: 2 };
  assert.equal(topicFault(found({}, [1, 2]), two), undefined);
  assert.match(topicFault(found({ 'min.insync.replicas': '1' }, [1, 2]), two) ?? '', /replicas=2 fixes/);
  const one = { ...WANTED, replication: 1 };
  assert.equal(topicFault(found({ 'min.insync.replicas': '1' }, [1]), one), undefined);
});

test('no setting accepts a retention below a day', () => {
  const hour = topicFault(found({ 'retention.ms': '3600000' }, [1, 2, 3]), WANTED) ?? '';
  assert.match(hour, /has retention.ms=3600000, and .*retention.ms=604800000 fixes it$/);
  assert.doesNotMatch(hour, /accepts/);
  const day = topicFault(found({ 'retention.ms': String(DAY_MS) }, [1, 2, 3]), WANTED) ?? '';
  assert.match(day, /KAFKA_RETENTION_MS=86400000 accepts/);
});

test('does not trust a broker that hides a setting', () => {
  const settings = new Map(Object.entries(topicSettings(WANTED)));
  settings.delete('cleanup.policy');
  assert.match(
    topicFault({ ...found({}, [1, 2, 3]), settings }, WANTED) ?? '',
    /does not report its cleanup.policy.*cleanup.policy=delete fixes it/,
  );
});
