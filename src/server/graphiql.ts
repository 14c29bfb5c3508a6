import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { gunzip } from 'node:zlib';

const unzip = promisify(gunzip);

/**
 * The package holds nine megabytes of page as strings of its module: 47 MB resident for as long as the module is
 * loaded, in a service whose page few ever open. So it is rendered in a thread that ends, and kept zipped.
 */
const RENDER = `
const { parentPort, workerData } = require('node:worker_threads');
const { gzipSync } = require('node:zlib');
const { renderGraphiQL } = require(workerData.module);
parentPort.postMessage(gzipSync(renderGraphiQL(workerData.options)));
`;

/** Gives a renderer of GraphiQL for Yoga: everything is in the page, so that it works offline. */
export function graphiqlRenderer(): (options?: object) => Promise<Uint8Array<ArrayBuffer>> {
  let zipped: Promise<Uint8Array> | null = null;
  return async (options = {}) => {
    zipped ??= render(options);
    try {
      return await unzip(await zipped);
    } catch (failed) {
      zipped = null;
      throw failed;
    }
  };
}

function render(options: object): Promise<Uint8Array> {
  const module = createRequire(import.meta.url).resolve('@graphql-yoga/render-graphiql');
  // Functions of the options (Yoga adds none that the page needs) cannot go to another thread.
  const plain: unknown = JSON.parse(JSON.stringify(options));
  const worker = new Worker(RENDER, { eval: true, workerData: { module, options: plain } });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread that renders GraphiQL ended with ${code}`)));
  });
}
