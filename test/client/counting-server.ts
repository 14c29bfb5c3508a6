import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buildSchema, execute, subscribe } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';

/** What a count may be told to do when it comes to a number. */
export interface Script {
  /** The last number. */
  readonly end: number;
  /** Called before a number is sent; may cut connections, or throw. */
  beforeNumber?(n: number, server: CountingServer): void | Promise<void>;
  /** Completes the first subscription after this number although more would follow. */
  readonly completeEarlyAt?: number;
  /** Answers this subscription, counted from 1, with 503 and an error of this code, once; over SSE. */
  readonly refused?: { readonly subscription: number; readonly code: string };
}

/**
 * A GraphQL server over graphql-ws and SSE whose one subscription counts: `numbers(after)` gives
 * `after + 1 … end`. Small enough to break on purpose what a real service rarely breaks.
 */
export class CountingServer {
  readonly #http: Server;
  readonly #sockets = new Set<Socket>();
  readonly #webSockets: WebSocketServer;
  #port = 0;
  /** Places at which clients subscribed. */
  readonly subscriptions: number[] = [];
  /** Numbers that the source was asked for, over all subscriptions. */
  pulled = 0;
  /** Called at each return of a subscription's source. */
  onReturn: () => void = () => {};

  constructor(script: Script) {
    const schema = buildSchema(`
      type Query { hello: String! failing: String }
      type Subscription { numbers(after: Int!): Int! }
    `);
    const { hello, failing } = schema.getQueryType()?.getFields() ?? {};
    const numbers = schema.getSubscriptionType()?.getFields()['numbers'];
    if (!hello || !failing || !numbers) throw new Error('the schema above has these fields');
    hello.resolve = () => 'world';
    failing.resolve = () => {
      throw new Error('broken inside');
    };
    numbers.subscribe = (_, { after }: { after?: number }) => this.#numbers(after ?? 0, script);
    const yoga = createYoga({ schema, logging: false, graphiql: false });
    let refused = false;
    this.#http = createServer((request, response: ServerResponse) => {
      if (refused || this.subscriptions.length + 1 !== script.refused?.subscription)
        return void yoga(request, response);
      refused = true;
      response.writeHead(503, { 'content-type': 'application/json' });
      const { code } = script.refused;
      response.end(JSON.stringify({ errors: [{ message: 'no room', extensions: { code } }] }));
    });
    this.#http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#webSockets = new WebSocketServer({ server: this.#http, path: '/graphql' });
    useServer(
      {
        schema,
        execute,
        subscribe,
        onConnect: (context) => (context.connectionParams?.['authorization'] === 'Bearer wrong' ? false : undefined),
      },
      this.#webSockets,
    );
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#http.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#http.address() as AddressInfo).port;
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Cuts every connection, as a crash or a network does. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Stops listening and cuts; `start` again listens on the same port. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.cut();
    await closed;
  }

  #numbers(after: number, script: Script): AsyncIterableIterator<{ numbers: number }> {
    const server = this;
    const first = this.subscriptions.length === 0;
    this.subscriptions.push(after);
    let n = after;
    let returned = () => {};
    const gone = new Promise<IteratorResult<never>>((resolve) => {
      returned = () => resolve({ done: true, value: undefined });
    });
    return {
      async next() {
        server.pulled += 1;
        if (n >= script.end || (first && n === script.completeEarlyAt)) return { done: true, value: undefined };
        n += 1;
        const wait = script.beforeNumber?.(n, server);
        if (wait instanceof Promise) {
          const end = await Promise.race([wait, gone]);
          if (end) return end;
        }
        return { done: false, value: { numbers: n } };
      },
      async return() {
        server.onReturn();
        returned();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}
