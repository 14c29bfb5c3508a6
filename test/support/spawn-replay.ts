import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inject, onTestFinished } from 'vitest';
import type { ReplayInput } from '../../src/replay/request.ts';
import { NO_LIMITS, testPolicyConfig } from './policy.ts';

const CHILD = fileURLToPath(new URL('./replay-child.mjs', import.meta.url));

/** Starts a replay in a process of its own, over the journal at `url`. */
export async function spawnReplay(url: string, input: ReplayInput): Promise<{ id: string; kill(): Promise<void> }> {
  const policy = testPolicyConfig(inject('sharedServer'));
  const argument = JSON.stringify({ url, limits: NO_LIMITS, policy, input });
  const child = spawn(process.execPath, [CHILD, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  for await (const line of createInterface(child.stdout)) return { id: line, kill };
  throw new Error('the process ended before its replay began');
}
