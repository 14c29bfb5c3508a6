import { MemoryReplayStore } from '../support/memory-replay-store.ts';
import { replayEventsContract } from './replay-contract.ts';

replayEventsContract('the replay store in memory, which other tests stand on,', () => new MemoryReplayStore());
