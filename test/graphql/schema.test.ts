import { readFileSync } from 'node:fs';
import {
  type GraphQLNamedType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/errors.ts';
import { printedSchema } from '../../src/graphql/print.ts';
import { schema } from '../../src/graphql/schema.ts';

const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith('__'));
const BUILT_IN = new Set(['Boolean', 'Float', 'ID', 'Int', 'String']);

test('schema.graphql is what the schema prints: run `npm run generate` after a change', () => {
  expect(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8')).toBe(printedSchema());
});

function undescribed(type: GraphQLNamedType): string[] {
  const missing: string[] = [];
  const look = (place: string, item: { readonly description?: string | null | undefined }) => {
    if (!item.description?.trim()) missing.push(place);
  };
  look(type.name, type);
  if (isEnumType(type)) for (const value of type.getValues()) look(`${type.name}.${value.name}`, value);
  if (isInputObjectType(type))
    for (const field of Object.values(type.getFields())) look(`${type.name}.${field.name}`, field);
  if (isObjectType(type) || isInterfaceType(type)) {
    for (const field of Object.values(type.getFields())) {
      look(`${type.name}.${field.name}`, field);
      for (const arg of field.args) look(`${type.name}.${field.name}(${arg.name})`, arg);
    }
  }
  return missing;
}

test('every type, field, argument, input field and enum value is described', () => {
  expect(types.filter((type) => !BUILT_IN.has(type.name)).flatMap(undescribed)).toEqual([]);
});

test('no field gives a secret out, and every password that is taken is a Secret', () => {
  for (const type of types) {
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        expect(`${type.name}.${field.name}`).not.toMatch(/password|secret/i);
        expect(String(field.type)).not.toContain('Secret');
      }
    }
    if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        if (/pass/i.test(field.name)) expect(`${type.name}.${field.name}: ${field.type}`).toContain(': Secret');
      }
    }
  }
});

test('the codes of the schema are the codes of the service', () => {
  const code = schema.getType('ErrorCode');
  expect(
    isEnumType(code) &&
      code
        .getValues()
        .map(({ name }) => name)
        .sort(),
  ).toEqual([...ERROR_CODES].sort());
});

test('every field that DESIGN names is there', () => {
  const fields = (type: 'Query' | 'Mutation' | 'Subscription') => {
    const found = schema.getType(type);
    return isObjectType(found) ? Object.keys(found.getFields()).sort() : [];
  };
  expect(fields('Query')).toEqual(
    expect.arrayContaining([
      'journalCoverage',
      'journalEntries',
      'journalTransaction',
      'node',
      'preflightReplay',
      'replay',
      'replayFailures',
      'replayReport',
      'replayStatements',
      'replays',
    ]),
  );
  expect(fields('Mutation')).toEqual([
    'beginTransaction',
    'cancelReplay',
    'commitTransaction',
    'createSavepoint',
    'deleteReplay',
    'logStatement',
    'logStatements',
    'pauseReplay',
    'releaseSavepoint',
    'resumeReplay',
    'rollbackToSavepoint',
    'rollbackTransaction',
    'setReplaySpeed',
    'startReplay',
  ]);
  expect(fields('Subscription')).toEqual(['journalTail', 'replayProgress']);
});

test('every number that an input takes says its range', () => {
  // Places in the events of a run: any number is one.
  const ANY = ['OutcomeFilterInput.fromSeq', 'OutcomeFilterInput.toSeq'];
  const silent = types.filter(isInputObjectType).flatMap((type) =>
    Object.values(type.getFields())
      .filter((field) => ['Int', 'Float', 'SafeInt'].includes(getNamedType(field.type).name))
      .filter(({ description }) => !/[\d.,]+ to [\d.,]+|\d or more/.test(description ?? ''))
      .map((field) => `${type.name}.${field.name}`),
  );
  expect(silent.filter((place) => !ANY.includes(place))).toEqual([]);
});
