// Runs the statements of a JSON file in DuckDB, and prints the rows of the last one:
//
//   node duckdb.mjs MODULES STATEMENTS THREADS
//
// MODULES is the folder in which npm put @duckdb/node-api.
import fs from 'node:fs';
import path from 'node:path';
import {createRequire} from 'node:module';

const [modules, statements, threads] = process.argv.slice(2);
const require = createRequire(path.join(modules, 'package.json'));
const {DuckDBInstance, version} = require('@duckdb/node-api');

const instance = await DuckDBInstance.create(':memory:', {threads});
const connection = await instance.connect();
let reader;
for (const statement of JSON.parse(fs.readFileSync(statements, 'utf8'))) {
  reader = await connection.runAndReadAll(statement);
}
const text = reader.getRows().map((row) => row.join('\t') + '\n').join('');
process.stdout.write(`${version()}\n${text}`);
