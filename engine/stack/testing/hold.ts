import { startStack } from '../stack.ts';

// A process that owns a stack until it is killed: node --import tsx hold.ts <directory>
const stack = await startStack({ dir: process.argv[2] ?? '', env: { LOG: 'redis' } });
process.stdout.write(`${JSON.stringify(stack.env)}\n`);
setInterval(() => undefined, 60_000);
