/**
 * The signed parts of the story, and the draw of its raffle. The private keys were thrown away; a test checks the signatures, and
 * repeats the draw.
 */

/** Of GET /v1/keys. */
export const publicKeys = [
  {
    id: 'de0bc25c3f71633f',
    public: 'CqsYOLDUx5DpjrpG2ENt-NUR7YDQfkxZy1NSNNFBPU4',
    from: '2030-01-01T00:00:00.000Z',
    until: null,
    revoked: null,
    use: 'slices',
  },
  {
    id: 'd9187beeec70e1e6',
    public: '0Q-qa7ZjweN_6W-ZoPdtDv3_aNeyQtQU89lbjQPAKF8',
    from: '2030-01-01T00:00:00.000Z',
    until: null,
    revoked: null,
    use: 'books',
  },
];

/** Of GET /.well-known/jwks.json. */
export const passKey = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '3BpiAnldnWIWHxZ6nfzWo6EiwP-3D4lqaaCLe8J8Idk',
  kid: 'cb7f2db10ed713ed',
  use: 'sig',
  alg: 'EdDSA',
};

/** The slices with Alice's entry and with her claim. */
export const signedHeads = [
  'ZmFpcmxpbmUgc2xpY2UgMQAAAAAAAAAEAAAAAAAAAAEAAAAAAAAAKgAGvIBTW0Q8AAa8gFNbRFD83z4JXQj8Uo3bImBfrPWP3NOHjOC-8Km3yhNEPXbuiQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA3gvCXD9xYz-HvkrApsMuznA6xRguIQ_21tRG64EdAkBmWuP-7w46lzk4S74DcjjAmCPZEN1cbZMWx5X0omxXVxmF0jFGyiIL',
  'ZmFpcmxpbmUgc2xpY2UgMQAAAAAAAAABAAAAAAAAAAEAAAAAAAAAPQAGvIBbGbnZAAa8gFsZudnBFJTd2BRHulpQ5z93TTT6Nb6D0rYo3HHFOEC_vjEEFw5pN5SM_9XEzdDAm68W1NiLKaeADqc3sKpy3-UBFBSl3gvCXD9xYz_0GQ3GBgnUgZeY_MIF3oZPIv8yHadIgME6txdgGFhr2M_r_mh-01L4d8HWkmg6caVEL95LjpB7scLnkdUHaXAI',
] as const;

/** Where the list of heads goes on after the second. */
export const NEXT_HEADS = '1896109330512345.0.1.61';

/** The list then ends; no slice will come with an instant up to this one. */
export const HEADS_THROUGH_US = 1_896_109_330_540_112;

export const entryReceipt = {
  v: 1,
  campaign: 1,
  kind: 1,
  source: 0,
  stamp: 604053504,
  salt: 'xoxvQRayVvyZlYNpbuUF5A',
  leaf: 2,
  path: 'Yh6zRW8PvmF3yGWZV0Xx4TZC8VcGWxCXJHttgZ0BdRWhKPO6UsvLl_GN2wX6XETztVm4cRFQ_Ki2FLtH1cCHLQ',
  head: signedHeads[0],
};

export const claimReceipt = {
  v: 1,
  campaign: 1,
  kind: 3,
  source: 0,
  stamp: 133644641280,
  salt: 'xoxvQRayVvyZlYNpbuUF5A',
  leaf: 0,
  path: '',
  head: signedHeads[1],
};

/** Admits Alice to the room. */
export const pass =
  'eyJhbGciOiJFZERTQSIsInR5cCI6ImZhaXJsaW5lLXBhc3Mrand0Iiwia2lkIjoiY2I3ZjJkYjEwZWQ3MTNlZCJ9.eyJzdWIiOiJhbGljZSIsImNhbXBhaWduIjozLCJzZXJpYWwiOjcsImp0aSI6IlMzMjQtSlpISy0wWjk0LUYzV0oiLCJpc3MiOiJmYWlybGluZSIsImF1ZCI6ImZhaXJsaW5lLXJvb20tMyIsImlhdCI6MTg5ODU4MjQwMSwiZXhwIjoxODk4NTgyNzAxfQ.YdYRsmzrgz3Ei3GYXkVKw02pVz1B76UZ_UjHdg3lfxf7HyH9oKosToVBZtPPAPDyDIP8mclBbfBvVQiLRctGBQ';

/** What her pass became. */
export const visit =
  'eyJhbGciOiJFZERTQSIsInR5cCI6ImZhaXJsaW5lLXZpc2l0K2p3dCIsImtpZCI6ImNiN2YyZGIxMGVkNzEzZWQifQ.eyJzdWIiOiJhbGljZSIsImNhbXBhaWduIjozLCJzZXJpYWwiOjcsImp0aSI6IlMzMjQtSlpISy0wWjk0LUYzV0oiLCJpc3MiOiJmYWlybGluZSIsImF1ZCI6ImZhaXJsaW5lLXJvb20tMyIsImlhdCI6MTg5ODU4MjQyMCwiZXhwIjoxODk4NTg2MDIwfQ.ZOU2LwitgaiBeikwUcp8mSUWSY-WIgqKEL_IUmEuiZN_TR76Zq5cxayBZyWBX_1PLSfDhZNVivOPaM1-RKd3BQ';

export const drawProof = {
  alternates: [
    {
      alternate: 1,
      key: 'wVvVObVtWSQJK23NAGqr-32Rs7T38LL0sogBFc0TKEE',
      stamp: 1377239041,
      who: '34yPUhYOmt1W8JqWHaizKZ6IyMXzBBfA-gQEP9eoHI4',
    },
  ],
  campaign: 2,
  pool_count: 2,
  pool_root: '107nXxD8ZY6l5k4oBbzsMw-QBHe6m95czrUhPpUMe-8',
  proof: 1,
  randomness: 'cinSbsFD1P8wXT__6hd3-BVaBUIuWXF5PHJsPttyvIo',
  rules: {
    campaign: 2,
    closes_at_us: 1896199200000000,
    draw: {
      alternates: 1,
      function: 'fairline draw 2',
      group_limit: null,
      randomness: {
        commitment: 'akYLWJ28uNXI-Z7KxnjVvg0Nz3mpjZIZ54WIVwn7bY0',
        source: 'commit',
      },
      tiers: [
        {
          name: 'prize',
          winners: 1,
        },
      ],
    },
    kind: 'raffle',
    opens_at_us: 1896195600000000,
    title: 'A bicycle',
  },
  rules_hash: 'PDhZyNnsJ5PCEWgK4Vwg60d2zO33E582wcQsiXarzI8',
  seed: 'dXLbwTqJCqd7MruZTVfOAujFWkoy6Ha8Sku9kgohtpc',
  source: {
    secret: 'cinSbsFD1P8wXT__6hd3-BVaBUIuWXF5PHJsPttyvIo',
  },
  winners: [
    {
      key: 'SvVpxg9e3d09plgqsyUt9SosJYY8Vp4xbXOIe4X7YGw',
      serial: 1,
      stamp: 811704320,
      tickets: 2,
      tier: 0,
      who: 'jMaUajEtO19jEalYQy0SY6KAaYOF03qugsZzu2ShBC8',
    },
  ],
};
