import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { normaliseAddress } from '../../../engine/contract/api/addresses.ts';
import { eventually } from '../../../engine/test/support.ts';
import { linkToken, parseMail, readMails } from '../testing/mailbox.ts';
import { fileDelivery, type Mail, needsTls, Outgoing, smtpDelivery } from './outgoing.ts';
import { type MailKind, mailText } from './texts.ts';

const FROM = 'Example Shop <no-reply@example.com>';
const log = pino({ level: 'silent' });
const facts = { link: 'https://tickets.example.com/account#verify=a.b-c_d', minutes: 60 };
const mail: Mail = { to: 'ada@example.com', ...mailText('verify', 'ko', facts) };

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'fairline-outgoing-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test('writes an e-mail as a file of its owner, with the texts of its language', () =>
  inDirectory(async parent => {
    const directory = join(parent, 'mail');
    await fileDelivery(directory, FROM)(mail);
    const [read] = await readMails(directory);
    assert.deepEqual(
      [read?.to, read?.subject, read?.text],
      [mail.to, '이메일 주소를 확인해 주세요', mail.text],
    );
    assert.ok(read?.headers.includes('From: Example Shop <no-reply@example.com>'), read?.headers.join('\n'));
    const [file = ''] = await readdir(directory);
    assert.equal((await stat(join(directory, file))).mode & 0o777, 0o600);
  }));

test('each text has its link in both languages, and one line of subject', () => {
  for (const kind of ['verify', 'exists', 'reset', 'new-address', 'address-notice'] satisfies MailKind[]) {
    for (const locale of ['en', 'ko'] as const) {
      const { subject, text } = mailText(kind, locale, facts);
      assert.match(subject, /^[^\r\n]{5,60}$/);
      assert.equal(text.split(facts.link).length, 2, kind);
      assert.equal(linkToken(text), 'a.b-c_d');
    }
  }
});

test('no address can add a header or a recipient', () =>
  inDirectory(async directory => {
    const deliver = fileDelivery(directory, FROM);
    const attack = fc.string({ unit: fc.constantFrom(...'ada@example.com \r\n:,;<>"Bc'), maxLength: 60 });
    const names = async (): Promise<string[]> => {
      const [read] = await readMails(directory);
      for (const file of await readdir(directory)) await rm(join(directory, file));
      return (read?.headers ?? []).map(line => line.split(':')[0] ?? '');
    };
    await deliver(mail);
    const right = await names();
    await fc.assert(
      fc.asyncProperty(attack, async text => {
        const to = `ada${text}@example.com`;
        const sent = await deliver({ ...mail, to }).then(
          () => true,
          () => false,
        );
        if (sent) assert.deepEqual(await names(), right);
        if (normaliseAddress(to) === to) assert.ok(sent, to);
      }),
      { numRuns: 200 },
    );
    await assert.rejects(deliver({ ...mail, to: 'ada@example.com\r\nBcc: eve@example.com' }));
    await assert.rejects(deliver({ ...mail, to: 'ada@example.com,eve@example.com' }));
  }));

/** The server's side of RFC 5321, as far as a client needs it; `refuses`: how many e-mails it refuses for now. */
async function startSmtp(refuses: number) {
  const received: string[] = [];
  const recipients: string[] = [];
  let left = refuses;
  const server = createServer(socket => {
    let data: string | undefined;
    let buffered = '';
    socket.on('error', () => socket.destroy());
    socket.write('220 test\r\n');
    socket.on('data', chunk => {
      buffered += chunk.toString('latin1');
      for (let end = buffered.indexOf('\r\n'); end !== -1; end = buffered.indexOf('\r\n')) {
        const line = buffered.slice(0, end);
        buffered = buffered.slice(end + 2);
        if (data !== undefined && line !== '.') data += `${line.replace(/^\./, '')}\r\n`;
        else if (data !== undefined) {
          received.push(data);
          data = undefined;
          socket.write('250 ok\r\n');
        } else if (/^RCPT/i.test(line)) {
          left -= 1;
          if (left < 0) recipients.push(line);
          socket.write(left >= 0 ? '451 later\r\n' : '250 ok\r\n');
        } else if (/^DATA/i.test(line)) {
          data = '';
          socket.write('354 go on\r\n');
        } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
        else socket.write('250 ok\r\n');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `smtp://127.0.0.1:${port}`, received, recipients, close: () => server.close() };
}

test('sends by SMTP, again after a refusal, to one recipient', async () => {
  const smtp = await startSmtp(1);
  const done: string[] = [];
  const outgoing = new Outgoing({ deliver: smtpDelivery(smtp.url, FROM), log, done: how => done.push(how) });
  outgoing.send(mail);
  await eventually(() => done.length === 1);
  assert.deepEqual([done, smtp.recipients], [['sent'], ['RCPT TO:<ada@example.com>']]);
  const read = parseMail(smtp.received[0] ?? '');
  assert.deepEqual([read.to, read.text.trimEnd()], [mail.to, mail.text.trimEnd()]);
  await outgoing.stop();
  smtp.close();
});

test('drops beyond its cap, and a stop sends what waits without trying again', async () => {
  const done: string[] = [];
  let release = (): void => undefined;
  const held = new Promise<void>(resolve => {
    release = resolve;
  });
  let failing = 0;
  const deliver = async ({ to }: Mail): Promise<void> => {
    await held;
    if (to !== 'failing@example.com') return;
    failing += 1;
    throw new Error('refused');
  };
  const outgoing = new Outgoing({ deliver, log, done: how => done.push(how) });
  outgoing.send({ ...mail, to: 'failing@example.com' });
  for (let sent = 0; sent < 8_010; sent++) outgoing.send(mail);
  const dropped = done.length;
  assert.ok(dropped > 0 && dropped < 10);
  assert.deepEqual(new Set(done), new Set(['dropped']));
  for (let sent = 0; sent < 2_000; sent++) outgoing.send({ ...mail, rank: 'urgent' });
  assert.equal(done.length, dropped, 'there are places for urgent ones');
  outgoing.send({ ...mail, rank: 'urgent' });
  assert.equal(done.length, dropped + 1);
  const stopped = outgoing.stop();
  release();
  await stopped;
  assert.equal(failing, 1);
  assert.equal(done.filter(how => how === 'failed').length, 1);
  assert.equal(done.filter(how => how === 'sent').length, 10_010 - dropped);
  assert.equal(outgoing.waiting, 0);
});

test('recipients who cannot be reached hold nobody up, and a refusal for good is not repeated', async () => {
  const done: string[] = [];
  const tried: string[] = [];
  const deliver = async ({ to }: Mail): Promise<void> => {
    tried.push(to);
    if (to.startsWith('later'))
      throw Object.assign(new Error('451'), { code: 'EENVELOPE', responseCode: 451 });
    if (to.startsWith('never'))
      throw Object.assign(new Error('550'), { code: 'EENVELOPE', responseCode: 550 });
  };
  const outgoing = new Outgoing({ deliver, log, done: how => done.push(how) });
  for (let sent = 0; sent < 8; sent++) outgoing.send({ ...mail, to: `later-${sent}@example.com` });
  for (let sent = 0; sent < 8; sent++) outgoing.send({ ...mail, to: `never-${sent}@example.com` });
  outgoing.send(mail);
  // Well before the first retry, which comes after a second.
  await eventually(() => done.includes('sent'));
  assert.equal(tried.filter(to => to.startsWith('later')).length, 8, 'nobody was tried again before');
  assert.equal(done.filter(how => how === 'failed').length, 8);
  assert.equal(outgoing.waiting, 8);
  await outgoing.stop();
  assert.equal(tried.filter(to => to.startsWith('never')).length, 8);
  assert.deepEqual([outgoing.waiting, done.filter(how => how === 'failed').length], [0, 16]);
});

test('notices go first and have places of their own; resets go in turn with the rest', async () => {
  const sent: string[] = [];
  const done: string[] = [];
  let release = (): void => undefined;
  const held = new Promise<void>(resolve => {
    release = resolve;
  });
  const deliver = async ({ to }: Mail): Promise<void> => {
    await held;
    sent.push(to);
  };
  const outgoing = new Outgoing({ deliver, log, done: how => done.push(how) });
  for (let each = 0; each < 8; each++) outgoing.send(mail);
  for (let each = 0; each < 10_100; each++)
    outgoing.send({ ...mail, to: 'reset@example.com', rank: 'urgent' });
  assert.ok(done.includes('dropped'), 'more resets than fit');
  outgoing.send({ ...mail, to: 'notice@example.com', rank: 'notice' });
  release();
  await outgoing.stop();
  assert.equal(sent.indexOf('notice@example.com'), 4, 'after the four that were on their way');
  const rest = sent.slice(5, 13);
  assert.deepEqual([rest.filter(to => to === mail.to).length, rest.length], [4, 8]);
});

test('a mail server elsewhere has to take TLS', () => {
  for (const url of [
    'smtp://mail.example.com',
    'smtp://user:secret@10.0.0.5:587',
    'smtp://localhost.example.com',
  ]) {
    assert.ok(needsTls(url), url);
  }
  for (const url of ['smtp://localhost:25', 'smtp://127.0.0.1:2525', 'smtp://[::1]'])
    assert.ok(!needsTls(url), url);
});
