import { VARIABLES, type VariableName } from './variables.ts';

/** `process.env`, or what stands for it. */
export type Environment = Readonly<Record<string, string | undefined>>;
/** Flags of the command line, by the variable that they set. */
export type Overrides = Partial<Readonly<Record<VariableName, string | undefined>>>;

/** The variables that are set: flags win over the environment, and an empty value counts as absent. */
export function given(env: Environment, overrides: Overrides): Partial<Record<VariableName, string>> {
  const values: Partial<Record<VariableName, string>> = {};
  for (const { name } of VARIABLES) {
    const value = (overrides[name] ?? env[name])?.trim();
    if (value) values[name] = value;
  }
  return values;
}

/** What a variable is where it is not set, as its text. */
export function defaultOf(name: VariableName): string {
  return VARIABLES.find((variable) => variable.name === name)?.default ?? '';
}
