import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { StackError } from '../errors.ts';
import { takeLock } from '../keeping/lock.ts';
import { run, tryRun } from '../keeping/processes.ts';
import type { ServerRecord } from '../keeping/records.ts';
import type { Launch, ServerKind, Site } from './server.ts';

export const KAFKA_VERSION = '4.3.0';
const LEAST_JAVA = 17;
const POM = fileURLToPath(new URL('kafka-pom.xml', import.meta.url));

/** A broker of a cluster. */
export interface Broker {
  readonly id: number;
  readonly port: number;
  /** Set if the broker is a controller of the cluster as well. */
  readonly controllerPort?: number;
}

/** A private cluster gains nothing from more copies of Kafka's internal topics. */
const MOST_OWN_REPLICAS = 3;

// Groups form at once, as each has one member only. Clients that know the number of partitions create the topics.
function configuration({ id, port, controllerPort }: Broker, cluster: readonly Broker[]): string {
  const isController = controllerPort !== undefined;
  const voters = cluster
    .filter(each => each.controllerPort !== undefined)
    .map(each => `${each.id}@127.0.0.1:${each.controllerPort}`);
  const replicas = Math.min(MOST_OWN_REPLICAS, cluster.length);
  const insync = Math.max(1, replicas - 1);
  return `process.roles=broker${isController ? ',controller' : ''}
node.id=${id}
controller.quorum.voters=${voters.join(',')}
listeners=PLAINTEXT://127.0.0.1:${port}${isController ? `,CONTROLLER://127.0.0.1:${controllerPort}` : ''}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=${replicas}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=${replicas}
transaction.state.log.min.isr=${insync}
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=${replicas}
share.coordinator.state.topic.min.isr=${insync}
`;
}

const LOGGING = `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d %p %m (%c{1})%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
`;

function javaProgram(env: NodeJS.ProcessEnv): string {
  const home = env.JAVA_HOME;
  return home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
}

async function checkJava(site: Site): Promise<string> {
  const java = javaProgram(site.env);
  const answer = await tryRun(java, ['-version'], site);
  // "openjdk version "17.0.15"", and before Java 9 "1.8.0_432".
  const major = Number(/version "(?:1\.)?(\d+)/.exec(answer.stderr)?.[1] ?? Number.NaN);
  if (answer.ok && major >= LEAST_JAVA) return java;
  throw new StackError(
    answer.ok ? `Java ${LEAST_JAVA} is needed, ${java} is Java ${major}` : `no Java ${LEAST_JAVA}`,
    `install a JRE of version ${LEAST_JAVA} or later and Maven (apt-get install openjdk-17-jre-headless maven; on macOS ` +
      'brew install openjdk maven, with the JDK on PATH or in JAVA_HOME), ' +
      'set KAFKA_BROKERS to a Kafka of your own, or use LOG=redis',
  );
}

/** The directory of Kafka's jars, resolved once per checkout. */
async function findJars(site: Site): Promise<string> {
  const jars = join(site.cacheDir, `kafka-${KAFKA_VERSION}`);
  if (existsSync(jars)) return jars;
  const release = await takeLock(join(site.cacheDir, 'kafka.lock'), site.signal);
  try {
    if (!existsSync(jars)) await resolveJars(site, jars);
  } finally {
    await release();
  }
  return jars;
}

async function resolveJars(site: Site, jars: string): Promise<void> {
  if (!(await tryRun('mvn', ['--version'], site)).ok) {
    throw new StackError(
      `no Maven to fetch Kafka ${KAFKA_VERSION} with`,
      'install Maven (apt-get install maven, brew install maven), set KAFKA_BROKERS to a Kafka of your own, or use LOG=redis',
    );
  }
  site.progress(`fetching Kafka ${KAFKA_VERSION} with mvn, once (44 MB)`);
  const draft = `${jars}.part`;
  await rm(draft, { recursive: true, force: true });
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${draft}`];
  const done = await run('mvn', ['-q', '-B', '-f', POM, ...goal], site);
  if (!done.ok) {
    const fault = /^\[ERROR\] (.+)$/m.exec(done.stdout)?.[1] ?? done.stderr.trim();
    throw new StackError(
      `mvn cannot fetch Kafka ${KAFKA_VERSION}: ${fault.slice(0, 300)}`,
      'check that this machine reaches a Maven repository, set KAFKA_BROKERS, or use LOG=redis',
    );
  }
  await rename(draft, jars);
}

async function prepare(site: Site): Promise<(record: ServerRecord) => Promise<Launch>> {
  const launch = await prepareBroker(site);
  return ({ ports: [port = 0, controllerPort = 0] }) => {
    const broker = { id: 1, port, controllerPort };
    return launch(broker, [broker], newClusterId());
  };
}

/**
 * Finds or downloads the programs; returns how to launch the broker in `<site.dir>/kafka`. The cluster id applies if the
 * directory is new, and is the same for all brokers of a cluster.
 */
export async function prepareBroker(
  site: Site,
): Promise<(broker: Broker, cluster: readonly Broker[], clusterId: string) => Promise<Launch>> {
  const command = await checkJava(site);
  const jars = await findJars(site);
  const cwd = join(site.dir, 'kafka');
  await mkdir(cwd, { recursive: true });
  const logging = join(cwd, 'log4j2.xml');
  await writeFile(logging, LOGGING);
  const options = [
    '-Xmx512m',
    '-XX:+UseSerialGC',
    '-XX:-UsePerfData',
    '-Djava.awt.headless=true',
    `-Dlog4j2.configurationFile=${pathToFileURL(logging)}`,
    '-cp',
    join(jars, '*'),
  ];
  return async (broker, cluster, clusterId) => {
    await writeFile(join(cwd, 'server.properties'), configuration(broker, cluster));
    if (!existsSync(join(cwd, 'data', 'meta.properties'))) {
      await format(site, command, options, cwd, clusterId);
    }
    return { command, args: [...options, 'kafka.Kafka', 'server.properties'], cwd, env: site.env };
  };
}

/** A cluster's id is 16 bytes in base64url and may not begin with a dash, which would read as an option. */
export function newClusterId(): string {
  return `A${randomBytes(16).toString('base64url').slice(1)}`;
}

async function format(
  site: Site,
  java: string,
  options: readonly string[],
  cwd: string,
  clusterId: string,
): Promise<void> {
  site.progress('Kafka: making a new log');
  const goal = ['format', '--cluster-id', clusterId, '--config', 'server.properties', '--ignore-formatted'];
  const done = await run(java, [...options, 'kafka.tools.StorageTool', ...goal], { ...site, cwd });
  if (done.ok) return;
  throw new StackError(
    `Kafka cannot make its log in ${cwd}: ${(done.stderr || done.stdout).trim().slice(-300)}`,
    'check that the disk has space and that this user can write there, or use LOG=redis',
  );
}

async function ask(record: ServerRecord): Promise<string> {
  const client = new Kafka({
    brokers: [url(record)],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    requestTimeout: 5_000,
    retry: { retries: 0 },
  });
  const admin = client.admin();
  await admin.connect();
  try {
    const { brokers } = await admin.describeCluster();
    if (brokers.length === 0) throw new Error('the broker has not joined its own cluster yet');
    return KAFKA_VERSION;
  } finally {
    await admin.disconnect();
  }
}

function url(record: ServerRecord): string {
  return `127.0.0.1:${record.ports[0]}`;
}

/** Apache Kafka as one KRaft broker that is its own controller. */
export const kafka: ServerKind = {
  name: 'kafka',
  title: 'Kafka',
  portCount: 2,
  program: /^java$/,
  stopSignal: 'SIGTERM',
  prepare,
  ask,
  url,
};
