import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { messageOf } from './errors.ts';
import type { Storage } from './storage.ts';

/** How often retention is applied. */
const EVERY_MS = 10 * 60_000;

/**
 * Applies the retention of entries and of runs now and then, as far as they are configured; gives what ends it and waits for what
 * is under way.
 */
export function startRetention(config: Config, { journal, replays }: Storage, logger: Logger): () => Promise<void> {
  let stopped = false;

  async function evictEntries(): Promise<void> {
    if (config.retentionMs === null && config.retentionBytes === null) return;
    const entries = await journal.evict(Date.now() * 1000);
    if (entries > 0) logger.info({ entries }, 'retention evicted entries');
  }

  async function deleteRuns(): Promise<void> {
    if (config.replayRetentionMs === null) return;
    const before = (Date.now() - config.replayRetentionMs) * 1000;
    while (!stopped) {
      const replayId = await replays.deleteEnded(before);
      if (replayId === null) return;
      logger.info({ replayId }, 'retention deleted a replay');
    }
  }

  async function apply(): Promise<void> {
    for (const part of [evictEntries, deleteRuns]) {
      await part().catch((error: unknown) =>
        logger.warn({ reason: messageOf(error) }, 'retention could not be applied'),
      );
    }
  }

  let pass: Promise<void> | null = null;
  const begin = () => {
    pass ??= apply().finally(() => {
      pass = null;
    });
  };
  const timer = setInterval(begin, EVERY_MS);
  begin();
  return async () => {
    stopped = true;
    clearInterval(timer);
    await pass;
  };
}
