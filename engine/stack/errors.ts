/** A stack that cannot be started: `message` says what is wrong, `remedy` what to do about it. */
import { messageOf } from '../contract/process/message-of.ts';
export class StackError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StackError';
    this.remedy = remedy;
  }
}

const FILE_FAULTS: Readonly<Record<string, readonly [fault: string, remedy: string]>> = {
  ENOSPC: ['the disk is full', 'free some space, or move the project to a larger disk'],
  EDQUOT: ["this user's disk quota is used up", 'free some space, or move the project elsewhere'],
  EROFS: ['the file system is read-only', 'move the project to a writable disk'],
  EACCES: [
    'this user has no write permission there',
    'run as the owner of the directory, or make this user its owner',
  ],
  EPERM: [
    'this user lacks the permission',
    'run as the user who started the stack, or as the owner of the directory',
  ],
  ENOTDIR: ['a file is where a directory is needed', 'move that file away'],
  ENAMETOOLONG: ['the path is too long for this file system', 'move the project to a shorter path'],
  EMFILE: ['too many files are open', 'raise the limit with `ulimit -n 4096`'],
};

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return error.code;
}

/** Whether `error` is a system error with that code (`ENOENT`, `EEXIST`, ...). */
export function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

/** Gives any thrown value the form that a person can act on; a StackError stays as it is. */
export function asStackError(error: unknown, during: string): StackError {
  if (error instanceof StackError) return error;
  const message = messageOf(error);
  const [fault, remedy] = FILE_FAULTS[codeOf(error) ?? ''] ?? [
    message,
    'see the logs named *.log in the stack directory',
  ];
  const detail = fault === message ? '' : ` (${message})`;
  return new StackError(`${during}: ${fault}${detail}`, remedy, { cause: error });
}
