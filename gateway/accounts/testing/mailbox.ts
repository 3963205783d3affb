/** Reads the e-mails that were written as files: enough of RFC 5322 and RFC 2045 for one plain text. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ReadMail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The header lines, unfolded. */
  readonly headers: readonly string[];
}

/** All e-mails in the directory, the oldest first. */
export async function readMails(directory: string): Promise<readonly ReadMail[]> {
  const files = (await readdir(directory)).filter(file => file.endsWith('.eml')).sort();
  return await Promise.all(
    files.map(async file => parseMail(await readFile(join(directory, file), 'latin1'))),
  );
}

export function parseMail(source: string): ReadMail {
  const [head = '', ...rest] = source.replaceAll('\r\n', '\n').split('\n\n');
  const headers = head.replace(/\n[ \t]+/g, ' ').split('\n');
  const headerOf = (name: string): string =>
    headers.find(line => line.toLowerCase().startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
  return {
    to: headerOf('to').replace(/^<|>$/g, ''),
    subject: decodeWords(headerOf('subject')),
    text: decodeBody(rest.join('\n\n'), headerOf('content-transfer-encoding')),
    headers,
  };
}

/** The token behind `=` in the link of a text. */
export function linkToken(text: string): string {
  return /#(?:verify|reset)=(\S+)/.exec(text)?.[1] ?? '';
}

function decodeBody(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (encoding === 'quoted-printable') return quotedPrintable(body.replace(/=\n/g, ''));
  return Buffer.from(body, 'latin1').toString('utf8');
}

/** RFC 2047. */
function decodeWords(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, how: string, word: string) =>
      how.toLowerCase() === 'b'
        ? Buffer.from(word, 'base64').toString('utf8')
        : quotedPrintable(word.replaceAll('_', ' ')),
    );
}

function quotedPrintable(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
