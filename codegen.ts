import type { CodegenConfig } from '@graphql-codegen/cli';

/** Typed operations of the client, from the printed schema. `npm run generate` runs it, `npm run generate:check` checks. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'src/client/operations/*.graphql',
  generates: {
    'src/client/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false, skipIndexFile: true },
      config: {
        documentMode: 'string',
        useTypeImports: true,
        immutableTypes: true,
        enumType: 'string-literal',
        strictScalars: true,
        importExtension: '.ts',
        scalars: {
          Timestamp: 'string',
          BigInt: 'string',
          SafeInt: 'number',
          Float64: { input: 'number | string', output: 'number | string' },
          Oid: 'number',
          UUID: 'string',
          Cursor: 'string',
          Base64: 'string',
          Secret: 'string',
        },
      },
    },
  },
};
export default config;
