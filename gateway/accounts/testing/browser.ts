/** A client that keeps cookies as browsers do (RFC 6265bis), and refuses those that a browser would refuse. */
import assert from 'node:assert/strict';

export interface BrowserAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The Set-Cookie headers. */
  readonly setCookies: readonly string[];
}

type Fields = Readonly<Record<string, string>>;

export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #url: string;
  readonly #address: string;

  /** `address`: that of the client, as a proxy in front would name it. */
  constructor(url: string, address: string) {
    this.#url = url;
    this.#address = address;
  }

  /** Another window: the same cookies from now on, but none of the later ones. */
  copy(address = this.#address): Browser {
    const other = new Browser(this.#url, address);
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    return other;
  }

  post(path: string, body?: unknown, headers: Fields = {}): Promise<BrowserAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return this.ask(
      'POST',
      path,
      text,
      text === undefined ? headers : { 'content-type': 'application/json', ...headers },
    );
  }

  get(path: string): Promise<BrowserAnswer> {
    return this.ask('GET', path);
  }

  delete(path: string): Promise<BrowserAnswer> {
    return this.ask('DELETE', path);
  }

  async ask(method: string, path: string, body?: string, headers: Fields = {}): Promise<BrowserAnswer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        'x-forwarded-for': this.#address,
        'user-agent': 'a test',
        ...(cookie === '' ? {} : { cookie }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const setCookies = response.headers.getSetCookie();
    for (const each of setCookies) this.#keep(each);
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : {},
      text,
      setCookies,
    };
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals);
    // A browser drops a __Host- cookie without these; the tests must not pass with one.
    assert.ok(name.startsWith('__Host-'), line);
    for (const needed of ['Secure', 'HttpOnly', 'Path=/', 'SameSite=Lax'])
      assert.ok(attributes.includes(needed), line);
    assert.ok(!attributes.some(each => /^Domain=/i.test(each)), line);
    const maxAge = Number(attributes.find(each => each.startsWith('Max-Age='))?.slice(8));
    assert.ok(Number.isInteger(maxAge) && !attributes.some(each => /^Expires=/i.test(each)), line);
    if (maxAge === 0) this.cookies.delete(name);
    else this.cookies.set(name, pair.slice(equals + 1));
  }
}
