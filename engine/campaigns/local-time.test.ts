import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTimeZone, readLocal, showLocal } from './local-time.ts';

const local = (text: string): number => Date.parse(`${text}Z`);

function read(zone: string, text: string): string {
  const reading = readLocal(zone, local(text));
  if (reading.is === 'instant') return reading.at.toISOString();
  return `${reading.is} ${reading.first.toISOString()} ${reading.second.toISOString()}`;
}

/** Time zones that shift their clocks by an hour, by half an hour, near midnight, in the southern hemisphere, and never. */
const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Santiago',
  'Asia/Kolkata',
  'UTC',
];

describe('a local time', () => {
  it('is one instant on most days', () => {
    assert.equal(read('Europe/Berlin', '2030-01-31T19:00:00.250'), '2030-01-31T18:00:00.250Z');
    assert.equal(read('Europe/Berlin', '2030-07-31T20:00:00'), '2030-07-31T18:00:00.000Z');
    assert.equal(read('Asia/Kolkata', '2030-01-01T00:00:00'), '2029-12-31T18:30:00.000Z');
    assert.equal(read('UTC', '2030-01-01T00:00:00'), '2030-01-01T00:00:00.000Z');
  });

  it('does not exist where clocks go forward, with both readings', () => {
    assert.equal(
      read('Europe/Berlin', '2027-03-28T02:30:00'),
      'gap 2027-03-28T01:30:00.000Z 2027-03-28T00:30:00.000Z',
    );
    assert.equal(read('Europe/Berlin', '2027-03-28T01:59:59.999'), '2027-03-28T00:59:59.999Z');
    assert.equal(read('Europe/Berlin', '2027-03-28T03:00:00'), '2027-03-28T01:00:00.000Z');
    assert.equal(
      read('America/New_York', '2027-03-14T02:00:00'),
      'gap 2027-03-14T07:00:00.000Z 2027-03-14T06:00:00.000Z',
    );
    // A shift by half an hour.
    assert.match(read('Australia/Lord_Howe', '2027-10-03T02:15:00'), /^gap /);
  });

  it('is ambiguous where clocks go back, with both readings', () => {
    assert.equal(
      read('Europe/Berlin', '2026-10-25T02:30:00'),
      'overlap 2026-10-25T00:30:00.000Z 2026-10-25T01:30:00.000Z',
    );
    assert.equal(read('Europe/Berlin', '2026-10-25T01:59:59'), '2026-10-24T23:59:59.000Z');
    assert.equal(read('Europe/Berlin', '2026-10-25T03:00:00'), '2026-10-25T02:00:00.000Z');
    assert.match(read('Australia/Lord_Howe', '2027-04-04T01:45:00'), /^overlap /);
  });

  it('reads back as shown, at any instant', () => {
    const instants = fc.integer({ min: Date.UTC(2000), max: Date.UTC(2100) });
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), instants, (zone, ms) => {
        const shown = showLocal(zone, new Date(ms));
        assert.equal(Date.parse(shown), ms, `${zone} ${shown}`);
        const reading = readLocal(zone, local(shown.slice(0, 23)));
        const readings = reading.is === 'instant' ? [reading.at] : [reading.first, reading.second];
        assert.notEqual(reading.is, 'gap');
        assert.ok(readings.some(at => at.getTime() === ms));
      }),
      { numRuns: 2_000 },
    );
  });

  it('in a gap neither reading shows it; in an overlap both do', () => {
    const hours = fc.integer({ min: Date.UTC(2026) / 900_000, max: Date.UTC(2040) / 900_000 });
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), hours, (zone, quarter) => {
        const reading = readLocal(zone, quarter * 900_000);
        if (reading.is === 'instant') return;
        const text = new Date(quarter * 900_000).toISOString().slice(0, -1);
        for (const at of [reading.first, reading.second]) {
          assert.equal(showLocal(zone, at).startsWith(text), reading.is === 'overlap', `${zone} ${text}`);
        }
        assert.notEqual(reading.first.getTime(), reading.second.getTime());
      }),
      { numRuns: 5_000 },
    );
  });

  it('requires a known zone', () => {
    for (const zone of ['Europe/Berlin', 'UTC', 'Etc/GMT+3', 'America/Argentina/Buenos_Aires']) {
      assert.ok(isTimeZone(zone), zone);
    }
    for (const zone of ['', 'Mars/Olympus', '+01:00', 'Europe/Berlin ', '../etc'])
      assert.ok(!isTimeZone(zone), zone);
  });
});
