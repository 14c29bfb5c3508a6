import { setFlagsFromString } from 'node:v8';

/**
 * Lets the heap grow to twice what is alive between two full collections, where V8 takes up to four times. What the
 * service keeps is small (about 40 MB) and what it passes on is much: collecting it earlier costs little (a dozen
 * collections for 300,000 statements in place of six) and keeps some sixty megabytes less resident while it imports and
 * replays (`npm run bench -- memory`). For the process of the command only: a program that embeds the engine has a heap
 * of its own to care for.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=100');
}
