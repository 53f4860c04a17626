// The package graph, import cycles and confined imports, against the table in layering.mjs. Exit status 1 on a breach.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { cycles, importsOf, sourceFiles } from './import-graph.mjs';
import { confinedImports, matchesPattern, packages, startedPrograms } from './layering.mjs';
import { root } from './setup.mjs';

const problems = [...checkManifests(), ...Object.entries(packages).flatMap(checkPackage)];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(problems.length === 0 ? 'Layering: ok\n' : `Layering: ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Dependencies between workspaces, as their package.json files say. */
function checkManifests() {
  const found = [];
  const graph = new Map();
  for (const folder of readdirSync(join(root, 'packages'))) {
    const file = join(root, 'packages', folder, 'package.json');
    if (!existsSync(file)) continue;
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    const known = Object.keys(manifest.dependencies ?? {}).filter((name) => name.startsWith('@rfaas/'));
    const allowed = [
      ...(packages[manifest.name]?.mayImport ?? []),
      ...(startedPrograms[manifest.name] ?? []),
    ];
    for (const name of known.filter((candidate) => !allowed.includes(candidate))) {
      found.push(
        `packages/${folder}/package.json: ${manifest.name} may not depend on ${name} (scripts/layering.mjs)`,
      );
    }
    graph.set(manifest.name, known);
  }
  return [...found, ...cycles(graph).map((group) => `packages depend on each other: ${group.join(' -> ')}`)];
}

/** One package's sources: cycles, imports that its package.json does not declare, and confined ones. */
function checkPackage([name, { folder, mayImport }]) {
  const found = [];
  const graph = new Map();
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  for (const file of sourceFiles(root, `${folder}/src`)) {
    const imports = importsOf(root, file);
    graph.set(
      file,
      imports.filter((each) => each.file !== undefined && !each.typeOnly).map((each) => each.file),
    );
    for (const each of imports)
      found.push(...checkImport({ name, folder, mayImport, dependencies }, file, each));
  }
  return [...found, ...cycles(graph).map((group) => `import cycle: ${group.join(' -> ')}`)];
}

function checkImport({ name, folder, mayImport, dependencies }, file, { specifier, file: target }) {
  if (target !== undefined) {
    return target.startsWith(`${folder}/src/`) ? [] : [`${file}: ${specifier} leaves the package's src`];
  }
  const library = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (library.startsWith('node:') || builtinModules.includes(library)) return [];
  const found = [];
  if (!(library in dependencies)) found.push(`${file}: ${library} is not among the dependencies of ${name}`);
  if (library.startsWith('@rfaas/') && !mayImport.includes(library)) {
    found.push(`${file}: ${name} may not import ${library} (scripts/layering.mjs)`);
  }
  const allowed = confinedImports[library];
  if (allowed !== undefined && !allowed.some((pattern) => matchesPattern(file, pattern))) {
    found.push(`${file}: ${library} may be imported only by ${allowed.join(', ')} (scripts/layering.mjs)`);
  }
  return found;
}
