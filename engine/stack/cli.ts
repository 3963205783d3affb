import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { deleteData, type ServerStatus, statusOf, stopAll } from './keeping/control.ts';
import { DEFAULT_DIR } from './keeping/owner.ts';
import { readLastLog } from './keeping/records.ts';
import { KINDS } from './keeping/supervise.ts';
import { launchStack, StackError } from './stack.ts';

const USAGE = `npm run stack -- <command> [--dir <directory>]
  up      start PostgreSQL, Redis and Kafka in the background
  status  show each server and how to use it from a shell; exit code 3 unless all are up
  down    stop them and keep their data
  wipe    stop them and delete their data; downloads stay
DATABASE_URL, REDIS_URL, KAFKA_BROKERS and LOG=kafka|redis have the same meaning as for npm start.
`;
const EXIT_USAGE = 2;
const EXIT_NOT_UP = 3;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function up(dir: string): Promise<number> {
  const stack = await launchStack({ dir, env: process.env, onProgress: say }, true);
  for (const note of stack.notes) say(note);
  return status(dir);
}

async function status(dir: string): Promise<number> {
  const servers = await statusOf(dir);
  if (servers.length === 0) {
    say(`no server has been started in ${dir}: npm run stack -- up`);
    return EXIT_NOT_UP;
  }
  for (const server of servers) say(describe(server));
  if (!servers.every(server => server.isUp)) return EXIT_NOT_UP;
  say('\nto use them from a shell:');
  for (const [name, value] of exports(dir, servers)) say(`  export ${name}='${value}'`);
  return 0;
}

function describe({ title, record, isUp }: ServerStatus): string {
  const address = `127.0.0.1:${record.ports[0]}`;
  const facts = isUp
    ? [`pid ${record.process?.pid}`, `version ${record.version}`, keeping(record.keeper)]
    : [];
  return [title.padEnd(10), isUp ? 'up  ' : 'down', address, ...facts].join('  ');
}

function keeping(keeper: ServerStatus['record']['keeper']): string {
  return keeper?.background === true ? 'in the background' : 'stops with the process that started it';
}

function exports(dir: string, servers: readonly ServerStatus[]): [name: string, value: string][] {
  const names = { postgres: 'DATABASE_URL', redis: 'REDIS_URL', kafka: 'KAFKA_BROKERS' } as const;
  const addresses = servers.map(({ name, record }): [string, string] => [
    names[name],
    KINDS[name].url(record),
  ]);
  const replication = servers.some(({ name }) => name === 'kafka')
    ? [['KAFKA_REPLICATION', '1'] satisfies [string, string]]
    : [];
  return [...addresses, ...replication, ['LOG', readLastLog(dir) ?? 'redis']];
}

async function down(dir: string): Promise<number> {
  const ran = await stopAll(dir, say);
  say(ran.length === 0 ? 'nothing was running' : `stopped ${ran.map(name => KINDS[name].title).join(', ')}`);
  return 0;
}

async function wipe(dir: string): Promise<number> {
  try {
    await down(dir);
  } catch (error) {
    // A record that cannot be read is exactly what wipe is for.
    if (!(error instanceof StackError)) throw error;
    say(error.message);
  }
  const deleted = await deleteData(dir);
  say(deleted.length === 0 ? `there was no data in ${dir}` : `deleted in ${dir}: ${deleted.join(', ')}`);
  return 0;
}

const COMMANDS: Readonly<Record<string, (dir: string) => Promise<number>>> = { up, status, down, wipe };

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { dir: { type: 'string' } } });
  const [name, ...others] = positionals;
  const command = name === undefined || !Object.hasOwn(COMMANDS, name) ? undefined : COMMANDS[name];
  if (command === undefined || others.length > 0) {
    process.stderr.write(USAGE);
    return EXIT_USAGE;
  }
  return command(resolve(values.dir ?? DEFAULT_DIR));
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof StackError) process.stderr.write(`${error.message}\nwhat to do: ${error.remedy}\n`);
  else if (error instanceof TypeError && 'code' in error) process.stderr.write(`${error.message}\n${USAGE}`);
  else throw error;
  process.exitCode = error instanceof StackError ? 1 : EXIT_USAGE;
}
