// rate-limiter-flexible: so many points in so long, a block when they are used up, and bursts.
const assert = require("assert");
const Redis = require("ioredis");
const { BurstyRateLimiter, RateLimiterRedis } = require("rate-limiter-flexible");

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const storeClient = new Redis(process.env.REDIS_URL);

async function tries(limiter, count) {
  const all = await Promise.allSettled(
    Array.from({ length: count }, () => limiter.consume("user")));
  return all.filter(one => one.status === "fulfilled").length;
}

(async () => {
  const limiter = new RateLimiterRedis(
    { storeClient, points: 50, duration: 1, keyPrefix: "plain" });
  assert.strictEqual(await tries(limiter, 200), 50);
  const refused = await limiter.consume("user").catch(reason => reason);
  assert(refused.msBeforeNext > 0 && refused.msBeforeNext <= 1000, refused.msBeforeNext);
  await sleep(1050);
  assert.strictEqual(await tries(limiter, 60), 50);
  await limiter.delete("user");
  assert.strictEqual((await limiter.consume("user", 20)).remainingPoints, 30);

  const blocking = new RateLimiterRedis(
    { storeClient, points: 2, duration: 1, blockDuration: 100, keyPrefix: "block" });
  assert.strictEqual(await tries(blocking, 5), 2);
  const blocked = await blocking.get("user");
  assert(blocked.msBeforeNext > 90000, blocked.msBeforeNext);

  const bursty = new BurstyRateLimiter(
    new RateLimiterRedis({ storeClient, points: 5, duration: 10, keyPrefix: "base" }),
    new RateLimiterRedis({ storeClient, points: 3, duration: 10, keyPrefix: "burst" }));
  assert.strictEqual(await tries(bursty, 20), 8);
  await storeClient.quit();
})().catch(error => { console.error(error); process.exit(1); });
