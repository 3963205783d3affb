/** The commands in the `sh` blocks of a page, and a shell that runs them one after another like a reader. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

export interface ShownCommand {
  /** As shown, over several lines if the page breaks it. */
  readonly text: string;
  /** The output that the page shows: the comments directly below the command. */
  readonly prints: readonly string[];
}

/**
 * The commands of all `sh` blocks, in order. Comments directly below a command are its output; those at the start of a
 * block or after an empty line, and those at the end of a command's line, are for the reader.
 */
export function commandsOf(page: string): readonly ShownCommand[] {
  return [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
    block.split(/\n{2,}/).flatMap(commandsOfPart),
  );
}

function commandsOfPart(part: string): readonly ShownCommand[] {
  const commands: { text: string; prints: string[] }[] = [];
  let isContinued = false;
  for (const line of part.split('\n')) {
    const last = commands.at(-1);
    if (line === '') continue;
    if (line.startsWith('# ')) last?.prints.push(line.slice(2));
    else if (isContinued && last !== undefined) last.text += `\n${line}`;
    else commands.push({ text: line.replace(/ {2,}# .*$/, ''), prints: [] });
    isContinued = line.endsWith('\\');
  }
  return commands;
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
