import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type GatewayView, type RegistryView, rankedWatermarkOf, watermarkOf } from './watermark.ts';

function gateway(number: number, throughUs: number, more: Partial<GatewayView> = {}): GatewayView {
  return {
    gateway: number,
    incarnation: 100 + number,
    state: 'live',
    backfilled: false,
    throughUs,
    rankedUs: throughUs,
    ...more,
  };
}

function registry(readAtUs: number, leases: Record<number, number> = {}): RegistryView {
  return {
    readAtUs,
    leases: Object.entries(leases).map(([number, registeredUs]) => ({
      gateway: Number(number),
      incarnation: 100 + Number(number),
      registeredUs,
    })),
  };
}

test('without gateways, equals the instant of the read', () => {
  equal(watermarkOf(registry(50), []), 50);
  equal(rankedWatermarkOf(registry(50), []), 50);
});

test('equals the least promise of the live gateways', () => {
  equal(watermarkOf(registry(50, { 1: 0, 2: 0 }), [gateway(1, 30), gateway(2, 20)]), 20);
});

test('ignores a promise beyond the read: another gateway may register before it', () => {
  equal(watermarkOf(registry(50, { 1: 0 }), [gateway(1, 60)]), 50);
});

test('counts a registered gateway unknown to the ledger with its registration time', () => {
  equal(watermarkOf(registry(50, { 1: 0, 2: 25 }), [gateway(1, 40)]), 25);
});

test('counts a live gateway in the ledger even without its lease', () => {
  equal(watermarkOf(registry(50), [gateway(1, 10)]), 10);
});

test('ignores an ended gateway even with its lease', () => {
  const ended = gateway(1, 10, { state: 'ended', backfilled: true });
  equal(watermarkOf(registry(50, { 1: 5 }), [ended]), 50);
  equal(rankedWatermarkOf(registry(50, { 1: 5 }), [ended]), 50);
});

test('an ended gateway holds the ranks until it is backfilled', () => {
  const ended = gateway(1, 30, { state: 'ended', rankedUs: 20 });
  equal(watermarkOf(registry(50), [ended]), 50);
  equal(rankedWatermarkOf(registry(50), [ended]), 20);
});

test('ranks never pass the ledger', () => {
  equal(rankedWatermarkOf(registry(50, { 1: 0 }), [gateway(1, 20, { rankedUs: 40 })]), 20);
});

test('a reused number does not stand for its previous holder', () => {
  const before = gateway(1, 10, { incarnation: 7, state: 'ended', backfilled: true });
  equal(watermarkOf(registry(50, { 1: 45 }), [before]), 45);
});

/**
 * A model of gateways, log, registry, ledger and ranks in which events happen in any order. It checks that every acknowledged
 * stamp enters the ledger above every earlier watermark, and the ranks above every earlier ranked watermark.
 */
class Model {
  nowUs = 1_000;
  #floorUs = 0;
  #nextIncarnation = 1;
  #watermarkUs = 0;
  #rankedWatermarkUs = 0;
  #registry: RegistryView | undefined;
  readonly #gateways: ModelGateway[] = [];

  join(): void {
    const registeredUs = Math.max(this.nowUs, this.#floorUs);
    this.#gateways.push(new ModelGateway(this.#nextIncarnation++, registeredUs));
  }

  readRegistry(): void {
    this.#floorUs = Math.max(this.nowUs, this.#floorUs);
    const leases = this.#gateways.filter(gateway => gateway.isRegistered);
    this.#registry = {
      readAtUs: this.#floorUs,
      leases: leases.map(lease => ({ ...lease.name, registeredUs: lease.registeredUs })),
    };
  }

  readLedger(): void {
    if (this.#registry === undefined) return;
    const known = this.#gateways.flatMap(gateway => gateway.row ?? []);
    this.#watermarkUs = Math.max(this.#watermarkUs, watermarkOf(this.#registry, known));
    this.#rankedWatermarkUs = Math.max(this.#rankedWatermarkUs, rankedWatermarkOf(this.#registry, known));
  }

  pick(number: number): ModelGateway | undefined {
    return this.#gateways[number % Math.max(1, this.#gateways.length)];
  }

  consume(gateway: ModelGateway): void {
    for (const stampUs of gateway.consume()) {
      ok(stampUs > this.#watermarkUs, `stamp ${stampUs} came after the watermark ${this.#watermarkUs}`);
    }
  }

  rank(gateway: ModelGateway, stamps: readonly number[]): void {
    for (const stampUs of stamps) {
      if (gateway.ranked.has(stampUs)) continue;
      ok(stampUs > this.#rankedWatermarkUs, `stamp ${stampUs} was ranked after ${this.#rankedWatermarkUs}`);
      gateway.ranked.add(stampUs);
    }
  }

  backfill(gateway: ModelGateway): void {
    const { row } = gateway;
    if (row?.state !== 'ended') return;
    this.rank(
      gateway,
      gateway.ledger.filter(stampUs => stampUs > row.rankedUs),
    );
    gateway.row = { ...row, backfilled: true };
  }
}

interface ModelRecord {
  readonly stamps: readonly number[];
  readonly isEnd: boolean;
  readonly throughUs: number;
  readonly rankedUs: number;
}

class ModelGateway {
  readonly name: { readonly gateway: number; readonly incarnation: number };
  readonly registeredUs: number;
  readonly ranked = new Set<number>();
  readonly ledger: number[] = [];
  row: GatewayView | undefined;
  isRegistered = true;
  /** Its lease has ended or it has left: it acknowledges nothing more. */
  isOver = false;
  readonly #log: ModelRecord[] = [];
  readonly #toRank: { readonly stamps: readonly number[]; readonly throughUs: number }[] = [];
  #gathered: number[] = [];
  #consumed = 0;
  #lastUs: number;
  #rankedUs: number;

  constructor(incarnation: number, registeredUs: number) {
    this.name = { gateway: incarnation % 3, incarnation };
    this.registeredUs = registeredUs;
    this.#lastUs = registeredUs;
    this.#rankedUs = registeredUs;
  }

  stamp(nowUs: number): void {
    if (this.isOver) return;
    this.#lastUs = Math.max(this.#lastUs + 1, nowUs);
    this.#gathered.push(this.#lastUs);
  }

  append(nowUs: number): void {
    if (this.isOver) return;
    this.#lastUs = Math.max(this.#lastUs, nowUs);
    const record = {
      stamps: this.#gathered,
      isEnd: false,
      throughUs: this.#lastUs,
      rankedUs: this.#rankedUs,
    };
    this.#log.push(record);
    this.#toRank.push(record);
    this.#gathered = [];
  }

  /** Ranks the oldest slice that is appended but not ranked. */
  rankNext(): readonly number[] {
    const next = this.isOver ? undefined : this.#toRank.shift();
    if (next === undefined) return [];
    this.#rankedUs = next.throughUs;
    return next.stamps;
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#log.push({ stamps: [], isEnd: true, throughUs: this.#lastUs, rankedUs: this.#rankedUs });
  }

  consume(): readonly number[] {
    const record = this.#log[this.#consumed];
    if (record === undefined) return [];
    this.#consumed += 1;
    this.ledger.push(...record.stamps);
    const { throughUs, rankedUs } = record;
    this.row = {
      ...this.name,
      state: record.isEnd ? 'ended' : 'live',
      backfilled: false,
      throughUs,
      rankedUs,
    };
    return record.stamps;
  }

  free(): void {
    if (this.row?.state === 'ended') this.isRegistered = false;
  }
}

const step = fc.record({
  what: fc.constantFrom(
    'tick',
    'join',
    'stamp',
    'stamp',
    'append',
    'append',
    'consume',
    'consume',
    'rank',
    'end',
    'free',
    'backfill',
    'registry',
    'ledger',
    'ledger',
  ),
  who: fc.nat({ max: 7 }),
});

test('never passes an acknowledged entry, whatever the order of events', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), steps => {
      const model = new Model();
      for (const { what, who } of steps) {
        const gateway = model.pick(who);
        if (what === 'tick') model.nowUs += who;
        if (what === 'join') model.join();
        if (what === 'registry') model.readRegistry();
        if (what === 'ledger') model.readLedger();
        if (gateway === undefined) continue;
        if (what === 'stamp') gateway.stamp(model.nowUs);
        if (what === 'append') gateway.append(model.nowUs);
        if (what === 'consume') model.consume(gateway);
        if (what === 'rank') model.rank(gateway, gateway.rankNext());
        if (what === 'end') gateway.end();
        if (what === 'free') gateway.free();
        if (what === 'backfill') model.backfill(gateway);
      }
    }),
    { numRuns: 2_000 },
  );
});
