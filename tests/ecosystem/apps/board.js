// bull-board over a queue of BullMQ's, as its page shows it to be set up. `board.js fill` makes
// jobs in every state; `board.js serve PORT` shows them.
const { Queue, QueueEvents, Worker } = require('bullmq');

const connection = { url: process.env.REDIS_URL, maxRetriesPerRequest: null };
const queue = new Queue('trial', { connection });

async function fill() {
  const events = new QueueEvents('trial', { connection });
  await events.waitUntilReady();
  const worker = new Worker('trial', async job => {
    await job.log(`looked at ${job.data.n}`);
    if (job.name === 'bad') throw new Error('as told');
    return 2 * job.data.n;
  }, { connection });
  for (let n = 0; n < 4; n++)
    await (await queue.add('good', { n })).waitUntilFinished(events, 20000);
  const bad = await queue.add('bad', { n: 9 });
  await bad.waitUntilFinished(events, 20000).catch(() => {});
  await worker.close();
  await queue.addBulk(Array.from({ length: 3 }, (_, n) => ({ name: 'later', data: { n } })));
  await queue.add('delayed', { n: 1 }, { delay: 3600000 });
  await queue.add('urgent', { n: 1 }, { priority: 3 });
  await events.close();
  await queue.close();
}

function serve(port) {
  const { createBullBoard } = require('@bull-board/api');
  const { BullMQAdapter } = require('@bull-board/api/bullMQAdapter');
  const { ExpressAdapter } = require('@bull-board/express');
  const adapter = new ExpressAdapter();
  adapter.setBasePath('/board');
  createBullBoard({ queues: [new BullMQAdapter(queue)], serverAdapter: adapter });
  require('express')().use('/board', adapter.getRouter()).listen(port, '127.0.0.1');
}

const [verb, port] = process.argv.slice(2);
verb === 'fill' ? fill() : serve(Number(port));
