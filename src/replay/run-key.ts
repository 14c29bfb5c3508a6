/**
 * Key of an advisory lock that the connections of a run share. By it a later process finds those whose recorded session
 * has given itself another `application_name`; what it takes away (`DISCARD ALL`) brings the run's name back.
 */
export function runKey(replayId: string): string {
  return BigInt.asIntN(64, BigInt(`0x${replayId.replaceAll('-', '').slice(-16)}`)).toString();
}
