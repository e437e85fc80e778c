// npm's redlock on three engines: one holder at a time, extension, release, a deadline.
const assert = require("assert");
const Redis = require("ioredis");
const { default: Redlock, ResourceLockedError } = require("redlock");

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const clients = process.env.REDIS_URLS.split(" ").map(url => new Redis(url));
const eager = new Redlock(clients, { retryCount: 1000, retryDelay: 5, retryJitter: 5 });
const once = new Redlock(clients, { retryCount: 0 });

(async () => {
  let inside = 0, entered = 0;
  await Promise.all(Array.from({ length: 20 }, async () => {
    const lock = await eager.acquire(["room"], 5000);
    assert.strictEqual(++inside, 1);
    entered++;
    await sleep(2);
    inside--;
    await lock.release();
  }));
  assert.strictEqual(entered, 20);

  let lock = await once.acquire(["a", "b"], 300);
  await assert.rejects(once.acquire(["b"], 300));
  lock = await lock.extend(400);
  await sleep(200);
  await assert.rejects(once.acquire(["a"], 300));
  await sleep(300);
  const next = await once.acquire(["a"], 300);
  await next.release();
  assert(ResourceLockedError);
  await Promise.all(clients.map(client => client.quit()));
})().catch(error => { console.error(error); process.exit(1); });
