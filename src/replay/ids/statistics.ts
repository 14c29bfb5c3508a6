import type { Certainty, Draw } from './draw.ts';
import type { Track } from './track.ts';

type Counts = Record<Certainty, number> & {
  draws: number;
  outOfReach: number;
  doubtful: number;
  displaced: boolean;
  disagree: boolean;
};

/** Sequences that remarks name one by one. */
const MOST_NAMED = 20;

/** Counts how the draws of a run were settled, and says it in sentences. */
export class IdStatistics {
  private readonly onUnsettled: (message: string) => void;
  private readonly tracks = new Map<Track, Counts>();
  private readonly strays = new Set<string>();
  private readonly endsInDoubt = new Set<string>();
  private readonly unsureOf = new Set<string>();
  private readonly untoldOf = new Map<string, { readonly runs: string; count: number }>();
  private refusals: { count: number; readonly first: string } | null = null;

  constructor(onUnsettled: (message: string) => void) {
    this.onUnsettled = onUnsettled;
  }

  /** A statement that draws is being sent; `usable`: the sequence can be set to what it drew. */
  add(track: Track, draw: Draw, usable: boolean): void {
    let counts = this.tracks.get(track);
    if (counts === undefined) {
      counts = {
        draws: 0,
        outOfReach: 0,
        doubtful: 0,
        displaced: false,
        disagree: false,
        CONFIRMED: 0,
        CORRECTED: 0,
        BETWEEN: 0,
        COUNTED: 0,
        UNSETTLED: 0,
      };
      this.tracks.set(track, counts);
    }
    counts.draws += 1;
    if (!track.sequence.settable) {
      if (counts.outOfReach++ === 0) this.onUnsettled(notPermitted(track));
    } else if (usable) {
      if (isOpen(draw) && !counts.disagree) {
        counts.disagree = true;
        this.onUnsettled(disagree(track));
      }
      if (track.isDoubtful(draw)) {
        if (counts.doubtful++ === 0) this.onUnsettled(doubtful(track));
      } else {
        const certainty = isOpen(draw) ? 'UNSETTLED' : draw.certainty;
        if (ofCache(track, counts) === 0 && isOfCache(track, certainty)) this.onUnsettled(inCache(track));
        counts[certainty] += 1;
      }
    } else {
      if (counts.outOfReach++ === 0) this.onUnsettled(unknown(track));
    }
  }

  /** A statement is being sent that may draw from the sequence, as the search path has it that nobody knows. */
  unsure({ sequence: { name } }: Track): void {
    if (this.unsureOf.has(name)) return;
    this.unsureOf.add(name);
    if (this.unsureOf.size <= MOST_NAMED) this.onUnsettled(meant(name));
  }

  /** A statement is being sent that reaches a routine of which nothing tells what it draws from. */
  untold(routine: string, runs: string): void {
    const known = this.untoldOf.get(routine);
    if (known !== undefined) known.count += 1;
    else if (this.untoldOf.size < MOST_NAMED) this.untoldOf.set(routine, { runs, count: 1 });
  }

  /** A statement failed that others under way behind it counted on. */
  displaced(track: Track): void {
    const counts = this.tracks.get(track);
    if (counts === undefined || counts.displaced) return;
    counts.displaced = true;
    this.onUnsettled(displaced(track));
  }

  /** The target refused to set the sequences of a statement, with this message. */
  refused(message: string): void {
    if (this.refusals === null) this.onUnsettled(refused(1, message));
    this.refusals ??= { count: 0, first: message };
    this.refusals.count += 1;
  }

  /** At the end a sequence does not stand where the statements that were seen to draw have left it. */
  astray(name: string): void {
    if (this.strays.size < MOST_NAMED) this.onUnsettled(strayed(name));
    this.strays.add(name);
  }

  /** Where a sequence stood at the end of the record rests on statements whose count of draws nothing tells. */
  endInDoubt(name: string): void {
    if (this.endsInDoubt.size < MOST_NAMED) this.onUnsettled(leftInDoubt(name));
    this.endsInDoubt.add(name);
  }

  remarks(): readonly string[] {
    const remarks = [
      ...named(this.strays, strayed),
      ...named(this.endsInDoubt, leftInDoubt),
      ...named(this.unsureOf, meant),
    ];
    if (this.refusals !== null) remarks.push(refused(this.refusals.count, this.refusals.first));
    for (const [routine, { runs, count }] of this.untoldOf) remarks.push(puttingTogether(routine, runs, count));
    for (const [track, counts] of this.tracks) {
      const { name } = track.sequence;
      if (!track.sequence.settable) {
        remarks.push(`${notPermitted(track)}; ${statements(counts.draws)} drew from it`);
        continue;
      }
      const parts = [
        counts.CONFIRMED > 0 ? `${counts.CONFIRMED} confirmed by later statements` : '',
        counts.CORRECTED > 0 ? `${counts.CORRECTED} corrected by them` : '',
        counts.BETWEEN > 0 ? `${counts.BETWEEN} settled by the ones around them` : '',
        counts.COUNTED > 0 ? `${counts.COUNTED} by their order in the record alone` : '',
        counts.doubtful > 0 ? `${counts.doubtful} behind statements whose count of draws nothing tells` : '',
        counts.UNSETTLED > 0 ? `${counts.UNSETTLED} uncertain` : '',
        counts.outOfReach > 0 ? `${counts.outOfReach} left as the target draws them` : '',
      ].filter((part) => part !== '');
      remarks.push(`generated ids of ${name}: ${statements(counts.draws)} drew from it: ${parts.join(', ')}`);
      if (counts.UNSETTLED > 0) remarks.push(disagree(track));
      if (counts.doubtful > 0) remarks.push(doubtful(track));
      if (counts.outOfReach > 0) remarks.push(unknown(track));
      if (counts.displaced) remarks.push(displaced(track));
      if (track.missing > 0) {
        remarks.push(
          `generated ids of ${name}: ${track.missing} values were drawn by nothing that the record shows (functions, other databases' clients, statements that were not logged)`,
        );
      }
      if (ofCache(track, counts) > 0) remarks.push(inCache(track));
    }
    return remarks;
  }
}

/** Draws that only counting gives a value, of a sequence by which that says little. */
function ofCache({ sequence: { cache } }: Track, { COUNTED, BETWEEN }: Counts): number {
  return cache > 1n ? COUNTED + BETWEEN : 0;
}

function isOfCache({ sequence: { cache } }: Track, certainty: Certainty): boolean {
  return cache > 1n && (certainty === 'COUNTED' || certainty === 'BETWEEN');
}

/** Neither counting nor what later statements show settles it. */
function isOpen({ certainty, isUnproven }: Draw): boolean {
  return certainty === 'UNSETTLED' || isUnproven;
}

function named(names: ReadonlySet<string>, sentence: (name: string) => string): string[] {
  const sentences = [...names].slice(0, MOST_NAMED).map(sentence);
  if (names.size > MOST_NAMED) sentences.push(`generated ids: so it is with ${names.size - MOST_NAMED} more sequences`);
  return sentences;
}

function meant(name: string): string {
  return `generated ids of ${name}: the record does not tell the search path of some statements, which may have drawn from it or from one of the same name in another schema; it is left alone where nothing shows where it stands`;
}

function puttingTogether(routine: string, runs: string, count: number): string {
  return `generated ids: ${statements(count)} ran ${routine}, which puts SQL together from variables (${runs}), so that nothing tells which sequences it draws from: the target was asked where they stand behind it; where the record rolled such statements back, ids behind them may differ`;
}

function strayed(name: string): string {
  return `generated ids of ${name}: on the target, values were drawn from it that the statements of the record do not show (functions, triggers, other clients); these and later ones may differ from the record`;
}

function leftInDoubt(name: string): string {
  return `generated ids of ${name}: statements that failed or were rolled back took nobody knows how many values at the end of the record; it may be left elsewhere than in the record`;
}

function statements(count: number): string {
  return `${count} statement${count === 1 ? '' : 's'}`;
}

function refused(count: number, message: string): string {
  return `generated ids: the target refused to set sequences ahead of ${statements(count)}, which may have drawn other values than in the record: ${message}`;
}

function notPermitted(track: Track): string {
  return `generated ids of ${track.sequence.name} are not restored: the login of the replay lacks UPDATE on the sequence`;
}

function disagree(track: Track): string {
  return `generated ids of ${track.sequence.name}: for some statements, counting draws and the values in later statements do not agree, or do not tell enough; they may draw other values than in the record`;
}

function displaced(track: Track): string {
  return `generated ids of ${track.sequence.name}: a statement failed on the target, perhaps without drawing, while others were under way behind it; these may have drawn other values than in the record`;
}

function doubtful(track: Track): string {
  return `generated ids of ${track.sequence.name}: statements that failed or were rolled back drew nobody knows how many values; those behind them may draw other values than in the record`;
}

function inCache({ sequence: { name, cache } }: Track): string {
  return `generated ids of ${name}: it hands out ${cache} values to a session at a time, so the order of draws does not tell the values`;
}

function unknown(track: Track): string {
  return `generated ids of ${track.sequence.name}: for some statements nothing tells which value they drew`;
}
