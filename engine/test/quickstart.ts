/** The examples of a page, and a shell that runs their commands one after another like a reader. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

/** An `sh` block of a page. */
export interface Example {
  /** As shown, over several lines if the page breaks them. */
  readonly commands: readonly string[];
  /** What its commands print, in this order, among other lines: those of the `text` block that follows it. */
  readonly prints: readonly string[];
}

const EXAMPLES = /^```sh\n(.*?)^```\n|^```text\n(.*?)^```\n/gms;

/** The examples of a page, in order. A `text` block belongs to the last one before it. */
export function examplesOf(page: string): readonly Example[] {
  const examples: { commands: string[]; prints: string[] }[] = [];
  for (const [, commands, prints] of page.matchAll(EXAMPLES)) {
    if (commands !== undefined) examples.push({ commands: commandsIn(commands), prints: [] });
    else examples.at(-1)?.prints.push(...linesOf(prints ?? ''));
  }
  return examples;
}

function commandsIn(block: string): string[] {
  return block.split(/(?<!\\)\n/).filter(command => command !== '');
}

function linesOf(block: string): string[] {
  return block.split('\n').filter(line => line !== '');
}

/** Whether all shown lines were printed, in this order; `…` stands for what differs from run to run. */
export function showsAll(prints: readonly string[], printed: string): boolean {
  const lines = printed.split('\n');
  let next = 0;
  return prints.every(shown => {
    const parts = shown.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const pattern = new RegExp(`^${parts.join('.*')}$`);
    const found = lines.slice(next).findIndex(line => pattern.test(line));
    next += found + 1;
    return found !== -1;
  });
}

export interface Done {
  readonly code: number;
  readonly stdout: string;
}

/** One shell for all commands, so that a variable set by one is there for the next. One command at a time. */
export class Shell {
  readonly #sh: ChildProcessWithoutNullStreams;
  #stdout = '';
  #stderr = '';
  #hasEnded = false;
  /** Wakes a `run` that waits for more output. */
  #wake: () => void = () => undefined;

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.#sh = spawn('sh', { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#sh.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#wake();
    });
    this.#sh.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#sh.once('close', () => {
      this.#hasEnded = true;
      this.#wake();
    });
  }

  /** Everything that went to standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves when the command has ended. Rejects if it ends the shell. */
  async run(command: string): Promise<Done> {
    const end = `end-${randomBytes(8).toString('hex')}`;
    const pattern = new RegExp(`\\n${end} (\\d+)\\n$`);
    this.#stdout = '';
    this.#sh.stdin.write(`${command}\nprintf '\\n${end} %d\\n' $?\n`);
    for (;;) {
      const [, code] = pattern.exec(this.#stdout) ?? [];
      if (code !== undefined) return { code: Number(code), stdout: this.#stdout.replace(pattern, '') };
      if (this.#hasEnded) {
        throw new Error(`the shell ended in "${command}":\n${this.#stdout}\n${this.#stderr}`);
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    if (this.#hasEnded) return;
    const closed = once(this.#sh, 'close');
    this.#sh.stdin.end();
    await closed;
  }
}
