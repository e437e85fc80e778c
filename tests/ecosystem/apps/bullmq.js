// BullMQ on trial: `send FIRST PAST` sends, `work` works, `features` tries the rest.
const fs = require("fs");
const { FlowProducer, Queue, QueueEvents, Worker } = require("bullmq");

const connection = { url: process.env.REDIS_URL, maxRetriesPerRequest: null };
const note = (word, number) => fs.appendFileSync(process.env.LEDGER, `${word} ${number}\n`);
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

function same(found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted))
    throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
}

async function send(first, past) {
  // An error instead of waiting for ever: the loop below sends again what was not acknowledged.
  const queue = new Queue("trial", { connection: { ...connection, maxRetriesPerRequest: 1 } });
  queue.on("error", () => {});
  for (let number = first; number < past; number++) {
    for (;;) {
      try {
        await queue.add("job", { number }, { attempts: 100, removeOnComplete: true });
        break;
      } catch (error) {
        await sleep(20);
      }
    }
    note("sent", number);
  }
  await queue.close();
}

function work() {
  // A worker that has not said for two seconds that it lives is dead; looked at each second.
  const worker = new Worker("trial", async job => {
    note("began", job.data.number);
    await sleep(Number(process.env.JOB_MS));
    note("done", job.data.number);
  }, { connection, concurrency: 4, lockDuration: 2000, stalledInterval: 1000,
       maxStalledCount: 1000 });
  worker.on("error", () => {});
}

async function features() {
  const queue = new Queue("features", { connection });
  const events = new QueueEvents("features", { connection });
  await events.waitUntilReady();
  const order = [];
  const worker = new Worker("features", async job => {
    order.push(job.name);
    if (job.data.fails && job.attemptsMade < 2) throw new Error("as told");
    await job.updateProgress(50);
    return job.data.n * 2;
  }, { connection, concurrency: 10 });
  const result = job => job.waitUntilFinished(events, 30000);
  const add = (name, data, options) => queue.add(name, data, options);

  const many = await queue.addBulk(
    Array.from({ length: 2000 }, (_, n) => ({ name: "many", data: { n } })));
  same(await Promise.all(many.map(result)), many.map((_, n) => 2 * n));
  const retried = await add("retried", { n: 5, fails: true },
                            { attempts: 3, backoff: { type: "exponential", delay: 20 } });
  same(await result(retried), 10);
  const began = Date.now();
  same(await result(await add("later", { n: 6 }, { delay: 500 })), 12);
  if (Date.now() - began < 490) throw new Error("a delayed job came early");
  const failed = await add("failed", { n: 1, fails: true });
  await result(failed).then(() => { throw new Error("it did not fail"); }, () => {});
  same(await failed.isFailed(), true);
  same((await queue.getFailed()).map(job => job.failedReason), ["as told"]);

  // One at a time, in order of priority; a job of the same id is the same job.
  await queue.pause();
  worker.concurrency = 1;
  order.length = 0;
  const ranked = [];
  for (const priority of [3, 1, 2])
    ranked.push(await add(`p${priority}`, { n: priority }, { priority }));
  const one = await add("one", { n: 1 }, { jobId: "same", priority: 4 });
  const other = await add("one", { n: 1 }, { jobId: "same", priority: 4 });
  same(one.id, other.id);
  await queue.resume();
  await Promise.all([...ranked, one].map(result));
  same(order, ["p1", "p2", "p3", "one"]);

  // A parent waits for its children, which may be in another queue.
  const flow = new FlowProducer({ connection });
  const tree = await flow.add({
    name: "parent", queueName: "features", data: { n: 100 },
    children: [1, 2, 3].map(n => ({ name: "child", queueName: "features", data: { n } })) });
  same(await result(tree.job), 200);
  same(Object.values(await tree.job.getChildrenValues()).sort(), [2, 4, 6]);

  // A scheduler makes a job each 100 ms until it is taken away.
  await queue.upsertJobScheduler("every", { every: 100 }, { name: "tick", data: { n: 1 } });
  for (let i = 0; order.filter(name => name === "tick").length < 4; i++) {
    if (i > 300) throw new Error("no ticks");
    await sleep(50);
  }
  same(await queue.removeJobScheduler("every"), true);
  await sleep(300);
  const counts = await queue.getJobCounts("wait", "active", "delayed", "failed");
  same(counts, { wait: 0, active: 0, delayed: 0, failed: 1 });
  await worker.close();
  await queue.obliterate({ force: true });
  await Promise.all([events.close(), flow.close(), queue.close()]);
}

const [what, ...numbers] = process.argv.slice(2);
const done = () => process.exit(0);
const wrong = error => { console.error(error); process.exit(1); };
if (what === "send") send(...numbers.map(Number)).then(done, wrong);
else if (what === "features") features().then(done, wrong);
else work();
