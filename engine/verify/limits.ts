/**
 * Limits on input: whatever a document says, the verifier ends and stays within memory. Each limit is far above what fairline
 * writes; a larger document is refused as `too-large`, which is not an accusation.
 */
export interface Limits {
  /** Of a book, uncompressed. A million entries take about 150 MB; a million slices 270 MB, and their other items more. */
  readonly bookBytes: number;
  /** Uncompressed per compressed byte. A book has about 3; zip bombs reach 1,000. */
  readonly ratio: number;
  /** Of the line of one entry. */
  readonly entryBytes: number;
  /** Of any other line, also of kept heads and of an operator log: the header has the keys and the incarnations, a slice its leaves that are not entries. */
  readonly lineBytes: number;
  /** Of a receipt; it takes at most 6 KB, whatever its slice has. */
  readonly receiptBytes: number;
  /** Of a file of receipts, which is read as a whole; a thousand take 1 MB. */
  readonly receiptsBytes: number;
  /** Of a list of keys, which is read as a whole; a key takes some 250 bytes. */
  readonly keysBytes: number;
  /** Of a list of keys, also of that in a book. */
  readonly keys: number;
  /** Of a proof, which is read as a whole; a winner takes 150 bytes. */
  readonly proofBytes: number;
  /** Of kept heads, which are read line by line. A million take 260 MB, and as much memory. */
  readonly headsBytes: number;
  /** Of an operator log, which is read line by line. A million acts take about 500 MB. */
  readonly logBytes: number;
  /** The nesting depth of JSON. Valid documents need at most 5. */
  readonly depth: number;
  readonly entries: number;
  /** Each takes some 70 bytes. A gateway with one request a second signs 86,400 a day. */
  readonly slices: number;
  /** Items of slices that are not entries of the campaign; 36 bytes each. */
  readonly others: number;
  /** Of all entrants of a draw together; each ticket is one HMAC. */
  readonly tickets: number;
  readonly receipts: number;
  /** Of the stock, in a book; for each the rules are hashed twice. */
  readonly raises: number;
}

export const defaultLimits: Limits = {
  bookBytes: 2 ** 33,
  ratio: 100,
  entryBytes: 64 * 1024,
  lineBytes: 4 * 1024 * 1024,
  receiptBytes: 64 * 1024,
  receiptsBytes: 256 * 1024 * 1024,
  keysBytes: 1024 * 1024,
  keys: 4_096,
  proofBytes: 64 * 1024 * 1024,
  headsBytes: 2 ** 31,
  logBytes: 2 ** 33,
  depth: 16,
  entries: 10_000_000,
  slices: 10_000_000,
  others: 10_000_000,
  tickets: 50_000_000,
  receipts: 100_000,
  raises: 1_000,
};
