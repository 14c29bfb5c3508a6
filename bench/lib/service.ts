import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Calls, ServiceReady } from '../child/calls.ts';

const CHILD = fileURLToPath(new URL('../dist/bench/child/service.js', import.meta.url));

/** The service in a process of its own, compiled as it is shipped, with a side door for the benchmark. */
export interface Service {
  /** Of the Node.js process. */
  readonly pid: number;
  /** Of the postmaster of its embedded PostgreSQL, which keeps the journal. */
  readonly postmaster: number;
  readonly ready: ServiceReady;
  call<Name extends keyof Calls>(name: Name, ...args: Parameters<Calls[Name]>): ReturnType<Calls[Name]>;
  stop(): Promise<void>;
}

/** Starts the service on a data directory. `nodeOptions` go to its Node.js; `child` is what another build made of `CHILD`. */
export async function startService(
  dataDir: string,
  nodeOptions: readonly string[] = [],
  child: string = CHILD,
): Promise<Service> {
  const process = fork(child, [dataDir], {
    execArgv: [...nodeOptions],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const calls = new Calling(process);
  const ready = (await calls.call('ready')) as ServiceReady;
  const postmaster = Number(readFileSync(`${dataDir}/pgdata/postmaster.pid`, 'utf8').split('\n')[0]);
  return {
    pid: process.pid!,
    postmaster,
    ready,
    call: (name, ...args) => calls.call(name, ...args) as never,
    async stop() {
      await calls.call('stop');
      await calls.exited;
    },
  };
}

/** Calls into a child process over its IPC channel. */
export class Calling {
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #last = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: { id: number; value?: unknown; error?: string }) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(message.error));
    });
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`the child ended: ${signal ?? code}`));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, name, args }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }
}
