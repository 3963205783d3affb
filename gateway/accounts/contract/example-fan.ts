/** Ada, the fan in the examples of the routes of accounts. */
export const ada = {
  id: 'aD4xQm81nTcVzKpR07LwYbEsJg2HfUoi',
  address: 'ada@example.com',
  password: 'three owls by the harbour',
  madeAt: '2030-01-20T18:00:00.000Z',
  loggedInAt: '2030-01-24T09:00:00.000Z',
  sessionId: 'p9TzW2eXkq4RbLs1VnUo7HcAy5GdMf3J',
  sessionUntil: '2030-02-23T09:00:00.000Z',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0',
  ticketS: 600,
  resetToken: 'reset.eyJhZGRyZXNzIjoiYWRhQGV4YW1wbGUuY29tIn0.Vl6lGqL3dg4KDLUvamGyOy1O3ZHdUdCVliUzfiYeH7I',
  /** Of an account that the shop keeps. */
  shopId: 'shop:ada-7193',
  shopToken:
    'eyJhbGciOiJFUzI1NiIsImtpZCI6IjIwMzAifQ.eyJzdWIiOiJhZGEtNzE5MyJ9.gRzMx5YyBQWqQvWbQ4v7rBBmqYXHtW4dFhM0yQJ2c0sVl6lGqL3dg4KDLUvamGyOy1O3ZHdUdCVliUzfiYeH7I',
  authorizationUrl:
    'https://id.example.com/auth?client_id=queue&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Fshop.example.com%2Fwelcome&state=kT5mX0b1Qy7dRz3uWn8sVg.1895508900000.h1Hn7Xq2mB4cYt9PzKf3vLs8Rw0eUa6DgJi5oTxNbQM&nonce=Zr4Vw8Jc1Hn6Qx0Lt3Ks7Fp2Ym5Bd9Ge8Ua1RiOoWnE&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256',
  authorizationQuery:
    '?code=pXw3vT8yKq1&state=kT5mX0b1Qy7dRz3uWn8sVg.1895508900000.h1Hn7Xq2mB4cYt9PzKf3vLs8Rw0eUa6DgJi5oTxNbQM&iss=https%3A%2F%2Fid.example.com',
  linkToken: 'eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFkYUBleGFtcGxlLmNvbSJ9.c2lnbmF0dXJl',
  ticket:
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhRDR4UW04MW5UY1Z6S3BSMDdMd1liRXNKZzJIZlVvaSIsImF1ZCI6ImZhaXJsaW5lIiwiZXhwIjoxODk1NTA5MjAwfQ.Vl6lGqL3dg4KDLUvamGyOy1O3ZHdUdCVliUzfiYeH7I',
} as const;
