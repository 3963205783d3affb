/** A monitor's records of heads, made for tests from the description of the format alone. */
import { base64url, canonical, type Signer, sha256, signed } from './basics.ts';

/** First instant, gateway, incarnation, slice number. */
export type HeadNumbers = readonly [number, number, number, number];

export function headNumbersOf(head: string): HeadNumbers {
  const bytes = Buffer.from(head, 'base64url');
  return [
    Number(bytes.readBigUInt64BE(40)),
    bytes.readUInt16BE(16),
    Number(bytes.readBigUInt64BE(24)),
    Number(bytes.readBigUInt64BE(32)),
  ];
}

/** Heads as `GET /v1/heads` shows them. */
export function inOrder(heads: readonly string[]): readonly string[] {
  return [...heads].sort((a, b) => {
    const [of, against] = [headNumbersOf(a), headNumbersOf(b)];
    const differing = of.findIndex((value, index) => value !== against[index]);
    return differing < 0 ? 0 : (of[differing] ?? 0) - (against[differing] ?? 0);
  });
}

export interface RecordObject {
  after: string;
  at_us: number;
  heads: readonly string[];
  key: string;
  monitor: 1;
  number: number;
  previous: string;
  source: string;
  through_us?: number;
}

/** A page that a monitor was shown. */
export interface ShownPage {
  readonly heads: readonly string[];
  readonly after?: string;
  readonly throughUs?: number;
  readonly atUs: number;
}

/** The records of pages, each beginning where the previous one ended unless told otherwise. */
export function recordsOf(signer: Signer, pages: readonly ShownPage[]): Buffer[] {
  let previous = base64url(Buffer.alloc(32));
  let next = '0.0.0.0';
  return pages.map(({ heads, after = next, throughUs, atUs }, index) => {
    const record: RecordObject = {
      after,
      at_us: atUs,
      heads: inOrder(heads),
      key: base64url(signer.raw),
      monitor: 1,
      number: index + 1,
      previous,
      source: 'https://gateway.example',
      ...(throughUs === undefined ? {} : { through_us: throughUs }),
    };
    const line = recordLine(signer, record);
    previous = base64url(sha256(line));
    const last = record.heads.at(-1);
    if (last !== undefined) next = headNumbersOf(last).join('.');
    return line;
  });
}

export function recordLine(signer: Signer, record: RecordObject): Buffer {
  const signature = signed(signer, Buffer.from(`fairline monitor 1${canonical(record)}`));
  return Buffer.from(canonical({ ...record, signature: base64url(signature) }));
}

export function lines(...records: readonly Buffer[]): Buffer {
  return Buffer.concat(records.flatMap(record => [record, Buffer.from('\n')]));
}
